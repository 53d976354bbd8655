import type { Koffi } from '../../ffi/koffi-library.ts'
import type { MappedMemory, PageMemory } from '@flexgen/backend-kit'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import { FreeRanges } from './free-ranges.ts'
import type { PageToucher } from './touch-pages.ts'

/** Page-locked memory of its own, or a piece of a slab. */
export interface PinnedMemory {
  readonly buffer: ArrayBuffer
  readonly address: bigint
  /** Settles once the pages are locked; undefined where they are. */
  locking(): Promise<void> | undefined
  release(): void
}

const pageBytes = 4096
const hugePageBytes = 2 * 2 ** 20
/** What is smaller has a mapping of its own. */
const smallBytes = 2 ** 20
const firstSlabBytes = 32 * 2 ** 20
const mostSlabBytes = 256 * 2 ** 20
const portable = 1

interface Slab {
  readonly mapping: MappedMemory
  readonly address: bigint
  readonly sizeBytes: number
  readonly free: FreeRanges
  /** Behind this offset nothing was handed out yet, so it is zero. */
  usedTo: number
  locking: Promise<void> | undefined
  isLocked: boolean
  isGone: boolean
}

/**
 * Page-locked host memory in slabs of at most 256 MB, so that it can be given back: mapped, touched by several threads,
 * then registered. `cuMemHostAlloc` gave 1.4 to 1.9 GB/s where this gives 10 and more. Memory can be used at once; a
 * copy waits until its pages are locked.
 */
export class PinnedSlabs {
  readonly #koffi: Koffi
  readonly #pages: PageMemory
  readonly #driver: CudaDriver
  readonly #toucher: PageToucher
  readonly #onProblem: (error: unknown) => void
  readonly #slabs: Slab[] = []
  #nextBytes = firstSlabBytes
  #isClosed = false

  /** @param onProblem told of memory that cannot be locked: copies from it work, but slowly */
  constructor(
    koffi: Koffi,
    pages: PageMemory,
    driver: CudaDriver,
    toucher: PageToucher,
    onProblem: (error: unknown) => void,
  ) {
    this.#koffi = koffi
    this.#pages = pages
    this.#driver = driver
    this.#toucher = toucher
    this.#onProblem = onProblem
  }

  /** Zero-filled memory. @throws {FlexgenError} `OUT_OF_MEMORY` */
  allocate(byteLength: number): PinnedMemory {
    if (byteLength < smallBytes) return this.#alone(byteLength)
    const size = Math.ceil(byteLength / pageBytes) * pageBytes
    for (const slab of this.#slabs) {
      const start = slab.free.take(size)
      if (start !== undefined) return this.#piece(slab, start, size)
    }
    const slab = this.#addSlab(size)
    return this.#piece(slab, slab.free.take(size)!, size)
  }

  /** Ends all slabs; pieces that are still held are gone. */
  close(): void {
    this.#isClosed = true
    for (const slab of this.#slabs.splice(0)) this.#end(slab)
    this.#toucher.close()
  }

  #alone(byteLength: number): PinnedMemory {
    const mapping = this.#pages.map(byteLength)
    const address = this.#koffi.address(mapping.buffer)
    const size = mapping.buffer.byteLength
    const isLocked = this.#lock(address, size)
    return {
      buffer: mapping.buffer,
      address,
      locking: () => undefined,
      release: () => {
        if (isLocked) this.#driver.call.hostUnregister(address)
        mapping.unmap()
      },
    }
  }

  #addSlab(byteLength: number): Slab {
    const sizeBytes = Math.ceil(Math.max(byteLength, this.#nextBytes) / hugePageBytes) * hugePageBytes
    this.#nextBytes = Math.min(2 * this.#nextBytes, mostSlabBytes)
    const mapping = this.#pages.map(sizeBytes + hugePageBytes)
    const mapped: bigint = this.#koffi.address(mapping.buffer)
    const hugePage = BigInt(hugePageBytes)
    const address = ((mapped + hugePage - 1n) / hugePage) * hugePage
    const free = new FreeRanges(sizeBytes)
    const slab: Slab = {
      mapping,
      address,
      sizeBytes,
      free,
      usedTo: 0,
      locking: undefined,
      isLocked: false,
      isGone: false,
    }
    slab.locking = this.#toucher.touch(address, sizeBytes).then(() => {
      slab.locking = undefined
      if (slab.isGone) slab.mapping.unmap()
      else slab.isLocked = this.#lock(address, sizeBytes)
    })
    this.#slabs.push(slab)
    return slab
  }

  #piece(slab: Slab, start: number, size: number): PinnedMemory {
    const address = slab.address + BigInt(start)
    const buffer: ArrayBuffer = this.#koffi.view(address, size)
    if (start < slab.usedTo) new Uint8Array(buffer).fill(0)
    slab.usedTo = Math.max(slab.usedTo, start + size)
    return {
      buffer,
      address,
      locking: () => slab.locking,
      release: () => {
        // First detach: no view that somebody still holds may reach memory that is no longer ours.
        if (!buffer.detached) buffer.transfer(0)
        if (slab.isGone) return
        slab.free.give(start, size)
        if (slab.free.isEmpty) this.#retire(slab)
      },
    }
  }

  /** One empty slab stays: memory for loading comes and goes. */
  #retire(slab: Slab): void {
    const spare = this.#slabs.find((other) => other !== slab && other.free.isEmpty)
    if (spare === undefined && slab.sizeBytes <= mostSlabBytes && !this.#isClosed) return
    this.#slabs.splice(this.#slabs.indexOf(slab), 1)
    this.#end(slab)
  }

  #end(slab: Slab): void {
    slab.isGone = true
    if (slab.isLocked) this.#driver.call.hostUnregister(slab.address)
    if (slab.locking === undefined) slab.mapping.unmap()
  }

  #lock(address: bigint, sizeBytes: number): boolean {
    try {
      this.#driver.call.hostRegister(address, sizeBytes, portable)
      return true
    } catch (error) {
      this.#onProblem(error)
      return false
    }
  }
}
