import {
  type CacheBuffer,
  type DeviceBuffer,
  type HostBuffer,
  type QueueEvent,
  type Span,
  UsageError,
} from '@flexgen/spec'
import { Allocation } from './allocation.ts'
import { checkSize } from '../check/check-size.ts'

/** What counts the bytes of buffers and keeps a limit on them. */
export interface BufferLedger {
  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the limit would be passed; then nothing is counted */
  take(use: 'device' | 'host', sizeBytes: number, what: string): void
  give(use: 'device' | 'host', sizeBytes: number): void
  /** Says that device bytes will be given back without further ado. */
  announce(sizeBytes: number): void
  /** Gives announced device bytes back. */
  giveAnnounced(sizeBytes: number): void
}

/** The bytes of a span, asked for when an operation runs. */
export type LentBytes = () => Uint8Array

type Owned = DeviceBuffer | HostBuffer | CacheBuffer

/** All memory of one backend, by the object that stands for it outside. */
export class MemoryTable {
  readonly #ledger: BufferLedger
  readonly #hostVisible: boolean
  readonly #entries = new Map<Owned, { readonly allocation: Allocation; readonly use: 'device' | 'host' }>()
  /** Whatever was freed: its use is then refused by name, and not as a stranger's. */
  readonly #freed = new WeakSet<Owned>()

  constructor(ledger: BufferLedger, hostVisible: boolean) {
    this.#ledger = ledger
    this.#hostVisible = hostVisible
  }

  /** Allocates a buffer; JavaScript sees its bytes where device and host are one memory, and those of host buffers always. */
  allocate(use: 'host', byteLength: number): HostBuffer
  allocate(use: 'device' | 'host', byteLength: number): DeviceBuffer
  allocate(use: 'device' | 'host', byteLength: number): DeviceBuffer {
    const isVisible = use === 'host' || this.#hostVisible
    return this.allocateAs(use, byteLength, isVisible ? visible : () => ({ byteLength }))
  }

  /** Allocates and counts memory; `wrap` makes the object that stands for it. */
  allocateAs<Buffer extends Owned>(
    use: 'device' | 'host',
    byteLength: number,
    wrap: (allocation: Allocation) => Buffer,
  ): Buffer {
    checkSize('a number of bytes', byteLength)
    this.#ledger.take(use, byteLength, 'a buffer')
    try {
      const allocation = new Allocation(byteLength)
      const buffer = wrap(allocation)
      this.#entries.set(buffer, { allocation, use })
      return buffer
    } catch (error) {
      this.#ledger.give(use, byteLength)
      throw error
    }
  }

  /** Frees memory once all events have ended, well or not. */
  free(buffer: Owned, after: readonly QueueEvent[]): void {
    const entry = this.#entries.get(buffer)
    if (entry === undefined)
      throw new UsageError(this.#freed.has(buffer) ? 'the buffer was freed' : 'the buffer belongs to another allocator')
    const { allocation, use } = entry
    allocation.giveUp()
    if (use === 'device') this.#ledger.announce(allocation.byteLength)
    let open = after.length + 1
    const settle = (): void => {
      if (--open > 0 || !allocation.drop()) return
      this.#entries.delete(buffer)
      this.#freed.add(buffer)
      if (use === 'device') this.#ledger.giveAnnounced(allocation.byteLength)
      else this.#ledger.give(use, allocation.byteLength)
    }
    for (const event of after) event.onSettled(settle)
    settle()
  }

  /**
   * Checks a span now and gives its bytes later.
   *
   * @param place `host`: memory that JavaScript sees; `device`: memory that kernels see
   */
  lend(span: Span, place: 'host' | 'device', what: string): LentBytes {
    const { buffer, byteOffset, byteLength } = span
    checkSize(`the byte offset of ${what}`, byteOffset)
    checkSize(`the byte length of ${what}`, byteLength)
    if (byteOffset + byteLength > buffer.byteLength)
      throw new UsageError(`${what} ends at byte ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} bytes`)
    if (this.#freed.has(buffer)) throw new UsageError(`${what} lies in a buffer that was freed`)
    const entry = this.#entries.get(buffer)
    entry?.allocation.assertLive()
    if (!this.#hostVisible && (place === 'device') !== (entry?.use === 'device'))
      throw new UsageError(`${what} must lie in ${place} memory; this device does not share memory with the host`)
    const bytesOfBuffer = (): Uint8Array => entry?.allocation.bytes ?? strangeBytes(buffer, what)
    bytesOfBuffer()
    return () => bytesOfBuffer().subarray(byteOffset, byteOffset + byteLength)
  }

  /** Ends all memory. */
  close(): void {
    for (const [buffer, { allocation }] of this.#entries) {
      allocation.drop()
      this.#freed.add(buffer)
    }
    this.#entries.clear()
  }
}

/** A buffer whose bytes JavaScript sees. */
function visible(allocation: Allocation): HostBuffer {
  return {
    byteLength: allocation.byteLength,
    get bytes() {
      return allocation.bytes
    },
  }
}

/** Bytes of a buffer that somebody else allocated, such as a RAM tier. */
function strangeBytes(buffer: DeviceBuffer | HostBuffer, what: string): Uint8Array {
  if (buffer.bytes === undefined) throw new UsageError(`${what} lies in memory of another backend`)
  if (buffer.bytes.byteLength < buffer.byteLength) throw new UsageError(`${what} lies in a buffer that was freed`)
  return buffer.bytes
}
