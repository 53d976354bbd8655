import {
  type CacheBuffer,
  type DeviceBuffer,
  type HostBuffer,
  type QueueEvent,
  type Span,
  UsageError,
} from '@flexgen/spec'
import { Allocation } from './allocation.ts'
import { checkSize } from './check-size.ts'
import type { MemoryLedger } from './memory-ledger.ts'

/** The bytes of a span, asked for when an operation runs. */
export type LentBytes = () => Uint8Array

type Owned = DeviceBuffer | HostBuffer | CacheBuffer

/** All buffers of one backend, by the object that stands for them outside; device and host are one memory. */
export class MemoryTable {
  readonly #ledger: MemoryLedger
  readonly #entries = new Map<Owned, { readonly allocation: Allocation; readonly use: 'device' | 'host' }>()
  /** Whatever was freed: its use is then refused by name, and not as a stranger's. */
  readonly #freed = new WeakSet<Owned>()

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger
  }

  /** Allocates a buffer whose bytes JavaScript sees. */
  allocateBuffer(use: 'device' | 'host', byteLength: number): HostBuffer {
    return this.allocate(use, byteLength, (allocation) => ({
      byteLength,
      get bytes() {
        return allocation.bytes
      },
    }))
  }

  /** Allocates and counts memory; `wrap` makes the object that stands for it. */
  allocate<Buffer extends Owned>(
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

  /** Checks a span now and gives its bytes later. */
  lend(span: Span, what: string): LentBytes {
    const { buffer, byteOffset, byteLength } = span
    checkSize(`the byte offset of ${what}`, byteOffset)
    checkSize(`the byte length of ${what}`, byteLength)
    if (byteOffset + byteLength > buffer.byteLength)
      throw new UsageError(`${what} ends at byte ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} bytes`)
    if (this.#freed.has(buffer)) throw new UsageError(`${what} lies in a buffer that was freed`)
    const entry = this.#entries.get(buffer)
    entry?.allocation.assertLive()
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

/** Bytes of a buffer that somebody else allocated, such as a RAM tier. */
function strangeBytes(buffer: DeviceBuffer | HostBuffer, what: string): Uint8Array {
  if (buffer.bytes === undefined) throw new UsageError(`${what} lies in memory of another backend`)
  if (buffer.bytes.byteLength < buffer.byteLength) throw new UsageError(`${what} lies in a buffer that was freed`)
  return buffer.bytes
}
