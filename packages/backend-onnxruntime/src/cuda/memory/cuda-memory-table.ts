import {
  type DeviceBuffer,
  type HostBuffer,
  type HostContents,
  type QueueEvent,
  type Span,
  UsageError,
} from '@flexgen/spec'
import type { AddressOf } from '../../ffi/address-of.ts'
import { checkSize, type Owned, releaseAfter } from '@flexgen/backend-kit'
import type { MemoryLedger } from '../../memory/memory-ledger.ts'
import { CudaBuffer, PinnedBuffer } from './buffers.ts'
import type { DeviceHeap } from './device-heap.ts'
import type { PinnedSlabs } from './pinned-slabs.ts'

/** A checked span of device memory. */
export interface LentDevice {
  readonly owner: CudaBuffer
  readonly byteOffset: number
  readonly address: bigint
}

/** A checked span of host memory: page-locked memory of our own, or anybody's. */
export interface LentHost {
  readonly owner: PinnedBuffer | undefined
  readonly bytes: Uint8Array
  readonly address: bigint
  /** Memory that one copy may span, with this among it. */
  readonly region: object
  /** Where kernels see it; undefined where they do not, or not before its pages are locked. */
  readonly deviceAddress: bigint | undefined
}

/** All buffers of one CUDA backend. */
export class CudaMemoryTable {
  readonly #heap: DeviceHeap
  readonly #pinned: PinnedSlabs
  readonly #ledger: MemoryLedger
  readonly #addressOf: AddressOf
  readonly #uses = new Map<Owned, 'device' | 'host'>()

  constructor(heap: DeviceHeap, pinned: PinnedSlabs, ledger: MemoryLedger, addressOf: AddressOf) {
    this.#heap = heap
    this.#pinned = pinned
    this.#ledger = ledger
    this.#addressOf = addressOf
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` by the limit, by the device or by the system */
  allocate(use: 'device', byteLength: number): CudaBuffer
  allocate(use: 'host', byteLength: number, contents?: HostContents): PinnedBuffer
  allocate(use: 'device' | 'host', byteLength: number, contents?: HostContents): CudaBuffer | PinnedBuffer {
    checkSize('a number of bytes', byteLength)
    return this.#count(use, byteLength, () => {
      if (use === 'host') return new PinnedBuffer(this.#pinned.allocate(byteLength, contents), byteLength)
      const address = this.#heap.allocate(byteLength)
      return new CudaBuffer(address, byteLength, () => this.#heap.free(address))
    })
  }

  /** Frees a buffer once all events have ended, well or not, and no operation uses it. */
  free(buffer: object, after: readonly QueueEvent[]): void {
    const memory = buffer as CudaBuffer | PinnedBuffer
    const use = this.#uses.get(memory)
    if (use === undefined) throw new UsageError('the buffer was freed, or belongs to another allocator')
    memory.giveUp(() => {
      if (!this.#uses.delete(memory)) return
      if (use === 'device') this.#ledger.giveAnnounced(memory.byteLength)
      else this.#ledger.give(use, memory.byteLength)
    })
    if (use === 'device') this.#ledger.announce(memory.byteLength)
    releaseAfter(memory, after)
  }

  /** @throws {FlexgenError} `USAGE` for a span outside its buffer, freed memory, or memory of others */
  lendDevice({ buffer, byteOffset, byteLength }: Span<DeviceBuffer>, what: string): LentDevice {
    checkSpan(buffer, byteOffset, byteLength, what)
    if (!(buffer instanceof CudaBuffer) || !this.#uses.has(buffer)) {
      if (buffer instanceof CudaBuffer) buffer.assertLive()
      throw new UsageError(`${what} is no device memory of this backend`)
    }
    buffer.assertLive()
    return { owner: buffer, byteOffset, address: buffer.address + BigInt(byteOffset) }
  }

  /** @throws {FlexgenError} `USAGE` for a span outside its buffer or freed memory */
  lendHost({ buffer, byteOffset, byteLength }: Span<HostBuffer>, what: string): LentHost {
    checkSpan(buffer, byteOffset, byteLength, what)
    const owner = buffer instanceof PinnedBuffer ? buffer : undefined
    owner?.assertLive()
    const { bytes } = buffer as Partial<HostBuffer>
    if (bytes === undefined) throw new UsageError(`${what} is no host memory`)
    if (bytes.byteLength < buffer.byteLength) throw new UsageError(`${what} lies in a buffer that was freed`)
    const part = bytes.subarray(byteOffset, byteOffset + byteLength)
    const address = owner === undefined ? this.#addressOf(part) : owner.address + BigInt(byteOffset)
    return {
      owner,
      bytes: part,
      address,
      region: owner?.region ?? part.buffer,
      get deviceAddress() {
        const start = owner?.deviceAddress
        return start === undefined ? undefined : start + BigInt(byteOffset)
      },
    }
  }

  /** Ends all memory that nothing uses. */
  close(): void {
    const buffers = [...this.#uses.keys()]
    this.#uses.clear()
    for (const memory of buffers) memory.end()
  }

  #count<Memory extends Owned>(use: 'device' | 'host', byteLength: number, make: () => Memory): Memory {
    this.#ledger.take(use, byteLength, 'a buffer')
    try {
      const memory = make()
      this.#uses.set(memory, use)
      return memory
    } catch (error) {
      this.#ledger.give(use, byteLength)
      throw error
    }
  }
}

function checkSpan(buffer: { byteLength: number }, byteOffset: number, byteLength: number, what: string): void {
  checkSize(`the byte offset of ${what}`, byteOffset)
  checkSize(`the byte length of ${what}`, byteLength)
  if (byteOffset + byteLength > buffer.byteLength)
    throw new UsageError(`${what} ends at byte ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} bytes`)
}
