import { BackendUnavailableError, FlexgenError, OutOfMemoryError } from '@flexgen/spec'
import type { Koffi } from '../../ffi/koffi-library.ts'
import type { MappedMemory, PageMemory } from '@flexgen/backend-kit'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import { FreeRanges } from './free-ranges.ts'
import type { PageToucher } from './touch-pages.ts'

/** Page-locked memory of its own, or a piece of a slab. */
export interface PinnedMemory {
  readonly buffer: ArrayBuffer
  readonly address: bigint
  /** Where kernels see it; undefined where they do not, or not before its pages are locked. */
  deviceAddress(): bigint | undefined
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
/** Portable, and mapped for kernels. */
const registerFlags = 3

interface Slab {
  readonly mapping: MappedMemory
  readonly address: bigint
  readonly sizeBytes: number
  readonly free: FreeRanges
  /** Behind this offset nothing was handed out yet, so it is zero. */
  usedTo: number
  /** Until its pages are locked, and for good where they cannot be although they must. */
  locking: Promise<void> | undefined
  /** Threads are touching it. */
  isTouched: boolean
  isLocked: boolean
  deviceAddress: bigint | undefined
  isGone: boolean
}

/** Whether host memory is page-locked: always, or an error; never; or where it can be, and else `onProblem` is told. */
export type PageLocking = 'always' | 'never' | 'where possible'

/** How memory is page-locked. */
export interface PageLockOptions {
  readonly pageLocking: PageLocking
  /** Told of memory that cannot be locked: copies from it work, but slowly. */
  readonly onProblem: (error: unknown) => void
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
  readonly #options: PageLockOptions
  readonly #slabs: Slab[] = []
  #nextBytes = firstSlabBytes
  #isClosed = false

  constructor(koffi: Koffi, pages: PageMemory, driver: CudaDriver, toucher: PageToucher, options: PageLockOptions) {
    this.#koffi = koffi
    this.#pages = pages
    this.#driver = driver
    this.#toucher = toucher
    this.#options = options
  }

  /** Zero-filled memory. @throws {FlexgenError} `OUT_OF_MEMORY`, or where it must be page-locked and cannot be */
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
    let isLocked: boolean
    try {
      isLocked = this.#lock(address, size)
    } catch (error) {
      mapping.unmap()
      throw error
    }
    const deviceAddress = isLocked ? this.#deviceAddressOf(address) : undefined
    return {
      buffer: mapping.buffer,
      address,
      deviceAddress: () => deviceAddress,
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
      isTouched: false,
      isLocked: false,
      deviceAddress: undefined,
      isGone: false,
    }
    this.#slabs.push(slab)
    if (this.#options.pageLocking === 'never') return slab
    slab.isTouched = true
    slab.locking = this.#toucher.touch(address, sizeBytes).then(() => {
      slab.isTouched = false
      if (slab.isGone) slab.mapping.unmap()
      else if (this.#lock(address, sizeBytes)) {
        slab.isLocked = true
        slab.deviceAddress = this.#deviceAddressOf(address)
      }
      slab.locking = undefined
    })
    // Copies that use it fail with the error; where there are none nothing is wrong.
    slab.locking.catch(() => {})
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
      deviceAddress: () => (slab.deviceAddress === undefined ? undefined : slab.deviceAddress + BigInt(start)),
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
    if (!slab.isTouched) slab.mapping.unmap()
  }

  /** Where kernels see locked memory; undefined where the driver says that they do not. */
  #deviceAddressOf(address: bigint): bigint | undefined {
    const { call, create } = this.#driver
    try {
      return create((out) => call.hostGetDevicePointer(out, address, 0))
    } catch {
      return undefined
    }
  }

  /** @throws {FlexgenError} where it must be locked and cannot be */
  #lock(address: bigint, sizeBytes: number): boolean {
    const { pageLocking, onProblem } = this.#options
    if (pageLocking === 'never') return false
    try {
      this.#driver.call.hostRegister(address, sizeBytes, registerFlags)
      return true
    } catch (error) {
      if (pageLocking === 'always') throw refused(sizeBytes, error)
      onProblem(error)
      return false
    }
  }
}

function refused(sizeBytes: number, cause: unknown): FlexgenError {
  const why = FlexgenError.isInstance(cause) ? cause.message : String(cause)
  const message = `${sizeBytes} bytes of host memory cannot be page-locked: ${why}`
  const hint = 'allow more locked memory (ulimit -l), or do without: copies from pageable memory work, but slowly'
  return cause instanceof OutOfMemoryError
    ? new OutOfMemoryError(message, { hint, cause })
    : new BackendUnavailableError(message, { hint, cause })
}
