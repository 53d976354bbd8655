import {
  BackendUnavailableError,
  FlexgenError,
  type HostContents,
  type HostNeed,
  type HostReserve,
  OutOfMemoryError,
} from '@flexgen/spec'
import type { Koffi } from '../../ffi/koffi-library.ts'
import type { MappedMemory, PageMemory } from '@flexgen/backend-kit'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import { hostRegisterFlags } from '../driver/cuda-functions.ts'
import { FreeRanges } from './free-ranges.ts'
import { HostReserves } from './host-reserves.ts'
import type { PageToucher } from './touch-pages.ts'

/** Page-locked memory of its own, or a piece of a slab. */
export interface PinnedMemory {
  readonly buffer: ArrayBuffer
  readonly address: bigint
  /** What was page-locked at once: a copy may not go beyond it. */
  readonly region: object
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
/** So many slabs are made ready at once: while the pages of one are locked, those of others come. */
const mostPreparing = 4

interface Slab {
  readonly mapping: MappedMemory
  readonly address: bigint
  readonly sizeBytes: number
  readonly free: FreeRanges
  /** Behind this offset nothing was handed out yet, so it is zero. */
  usedTo: number
  /** Until its pages are locked, and for good where they cannot be although they must. */
  locking: Promise<void> | undefined
  /** Threads are at it. */
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
 * copy waits until its pages are locked. For those who have said what they will hold, slabs are made ahead and stay.
 */
export class PinnedSlabs {
  readonly #koffi: Koffi
  readonly #pages: PageMemory
  readonly #driver: CudaDriver
  readonly #toucher: PageToucher
  readonly #options: PageLockOptions
  readonly #slabs: Slab[] = []
  readonly #reserves = new HostReserves(() => this.#settle())
  /** Slabs that threads are at, also those that are given up. */
  readonly #lockings = new Set<Promise<void>>()
  #nextBytes = firstSlabBytes
  /** Of all slabs, and of memory that has a mapping of its own. */
  #heldBytes = 0
  #preparing = 0
  /** Whether memory that was made ready could not be locked: more of it would not help. */
  #isRefused = false
  #isTrimming = false
  #isClosed = false

  constructor(koffi: Koffi, pages: PageMemory, driver: CudaDriver, toucher: PageToucher, options: PageLockOptions) {
    this.#koffi = koffi
    this.#pages = pages
    this.#driver = driver
    this.#toucher = toucher
    this.#options = options
  }

  /** Memory, zero-filled unless anything may be in it. @throws {FlexgenError} `OUT_OF_MEMORY`, or where it must be page-locked and cannot be */
  allocate(byteLength: number, contents: HostContents = 'zeros'): PinnedMemory {
    if (byteLength < smallBytes) return this.#alone(byteLength)
    const size = Math.ceil(byteLength / pageBytes) * pageBytes
    for (const slab of this.#slabs) {
      const start = slab.free.take(size)
      if (start !== undefined) return this.#piece(slab, start, size, contents)
    }
    // Room for later users ends with what is reserved: what then still has no place in the slabs gets just its own.
    const { totalBytes } = this.#reserves.need
    const spareBytes = totalBytes === 0 ? this.#nextBytes : Math.min(this.#nextBytes, totalBytes - this.#heldBytes)
    const slabBytes = wholePages(Math.max(size, spareBytes))
    this.#nextBytes = Math.min(2 * this.#nextBytes, mostSlabBytes)
    this.#makeRoom(slabBytes)
    const slab = this.#addSlab(slabBytes)
    return this.#piece(slab, slab.free.take(size)!, size, contents)
  }

  /** Memory is made ready ahead, and kept, for somebody who will hold so much. */
  reserve(need: HostNeed): HostReserve {
    return this.#reserves.add(need)
  }

  /** Ends all slabs, once no thread is at one; pieces that are still held are gone. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#lockings)
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
    this.#heldBytes += size
    return {
      buffer: mapping.buffer,
      address,
      region: mapping,
      deviceAddress: () => deviceAddress,
      locking: () => undefined,
      release: () => {
        this.#heldBytes -= size
        if (isLocked) this.#driver.call.hostUnregister(address)
        mapping.unmap()
      },
    }
  }

  #addSlab(sizeBytes: number): Slab {
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
    this.#heldBytes += sizeBytes
    if (this.#options.pageLocking === 'never') return slab
    slab.isTouched = true
    const locking = this.#prepareSlab(slab)
    slab.locking = locking
    this.#lockings.add(locking)
    // Copies that use it fail with the error; where there are none nothing is wrong.
    locking.catch(() => {}).finally(() => this.#lockings.delete(locking))
    return slab
  }

  async #prepareSlab(slab: Slab): Promise<void> {
    const { address, sizeBytes } = slab
    await this.#toucher.touch(address, sizeBytes)
    if (!slab.isGone) slab.isLocked = await this.#toucher.lock(address, sizeBytes)
    slab.isTouched = false
    if (slab.isGone) this.#unmap(slab)
    // What the threads could not lock says why it cannot be locked here.
    else slab.isLocked ||= this.#lock(address, sizeBytes)
    if (slab.isLocked && !slab.isGone) slab.deviceAddress = this.#deviceAddressOf(address)
    slab.locking = undefined
  }

  #piece(slab: Slab, start: number, size: number, contents: HostContents): PinnedMemory {
    const address = slab.address + BigInt(start)
    const buffer: ArrayBuffer = this.#koffi.view(address, size)
    if (start < slab.usedTo && contents === 'zeros') new Uint8Array(buffer).fill(0)
    slab.usedTo = Math.max(slab.usedTo, start + size)
    this.#prepare()
    return {
      buffer,
      address,
      region: slab,
      deviceAddress: () => (slab.deviceAddress === undefined ? undefined : slab.deviceAddress + BigInt(start)),
      locking: () => slab.locking,
      release: () => {
        // First detach: no view that somebody still holds may reach memory that is no longer ours.
        if (!buffer.detached) buffer.transfer(0)
        if (slab.isGone) return
        slab.free.give(start, size)
        if (slab.free.isEmpty) this.#settle()
      },
    }
  }

  #settle(): void {
    this.#prepare()
    this.#trim()
  }

  /** Makes slabs ready until as much is free as is reserved; a failure is none of those who will need the memory. */
  #prepare(): void {
    const { totalBytes, readyBytes } = this.#reserves.need
    if (readyBytes === 0 || this.#options.pageLocking === 'never') return
    while (!this.#isClosed && !this.#isRefused && this.#preparing < mostPreparing) {
      const freeBytes = this.#slabs.reduce((sum, { free }) => sum + free.freeBytes, 0)
      const roomBytes = Math.min(totalBytes - this.#heldBytes, mostSlabBytes)
      const sizeBytes = Math.floor(roomBytes / hugePageBytes) * hugePageBytes
      if (readyBytes <= freeBytes || sizeBytes < firstSlabBytes) return
      void this.#prepareAhead(sizeBytes)
    }
  }

  async #prepareAhead(sizeBytes: number): Promise<void> {
    this.#preparing += 1
    let slab: Slab | undefined
    try {
      slab = this.#addSlab(sizeBytes)
      await slab.locking
      this.#isRefused = !slab.isLocked && !slab.isGone
    } catch {
      this.#isRefused = true
      if (slab?.free.isEmpty) this.#drop(slab)
    }
    this.#preparing -= 1
    this.#prepare()
  }

  /** Empty slabs go where what is held passes what is reserved: one in a turn of the event loop, since each takes a while. */
  #trim(): void {
    if (this.#isTrimming || this.#surplus() === undefined) return
    this.#isTrimming = true
    setImmediate(() => {
      this.#isTrimming = false
      const slab = this.#surplus()
      if (slab !== undefined) this.#drop(slab)
      this.#trim()
    })
  }

  /** One empty slab stays in any case: memory for loading comes and goes. */
  #surplus(): Slab | undefined {
    if (this.#isClosed || this.#heldBytes <= this.#reserves.need.totalBytes) return undefined
    const empty = this.#slabs.filter(({ free }) => free.isEmpty)
    return empty.find(({ sizeBytes }) => sizeBytes > mostSlabBytes) ?? empty[1]
  }

  /** Empty slabs, in which there is no room, go before another one would pass what is reserved. */
  #makeRoom(sizeBytes: number): void {
    for (const slab of this.#slabs.filter(({ free }) => free.isEmpty)) {
      if (this.#heldBytes + sizeBytes <= this.#reserves.need.totalBytes) return
      this.#drop(slab)
    }
  }

  #drop(slab: Slab): void {
    const index = this.#slabs.indexOf(slab)
    if (index < 0) return
    this.#slabs.splice(index, 1)
    this.#end(slab)
  }

  #end(slab: Slab): void {
    slab.isGone = true
    this.#heldBytes -= slab.sizeBytes
    if (!slab.isTouched) this.#unmap(slab)
  }

  #unmap({ isLocked, address, mapping }: Slab): void {
    if (isLocked) this.#driver.call.hostUnregister(address)
    mapping.unmap()
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
      this.#driver.call.hostRegister(address, sizeBytes, hostRegisterFlags)
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

function wholePages(byteLength: number): number {
  return Math.ceil(byteLength / hugePageBytes) * hugePageBytes
}
