import { type QueueEvent, type Span, UsageError } from '@flexgen/spec'
import { checkSize } from '../check/check-size.ts'
import type { BufferLedger } from '../memory/memory-table.ts'
import { releaseAfter } from '../memory/owned.ts'
import { OwnedMemory } from './owned-memory.ts'
import type { PageMemory } from './page-memory.ts'

/** Bytes of a span that was checked; of our own memory, or of somebody else's such as a RAM tier. */
export interface MappedBytes {
  readonly bytes: Uint8Array
  readonly owner: OwnedMemory | undefined
}

/** All buffers of one backend whose native code works on mapped memory. */
export class MappedMemoryTable {
  readonly #pages: PageMemory
  readonly #ledger: BufferLedger
  readonly #uses = new Map<OwnedMemory, 'device' | 'host'>()

  constructor(pages: PageMemory, ledger: BufferLedger) {
    this.#pages = pages
    this.#ledger = ledger
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` by the limit or by the system */
  allocate(use: 'device' | 'host', byteLength: number): OwnedMemory {
    checkSize('a number of bytes', byteLength)
    this.#ledger.take(use, byteLength, 'a buffer')
    try {
      const memory = new OwnedMemory(this.#pages.map(byteLength), byteLength)
      this.#uses.set(memory, use)
      return memory
    } catch (error) {
      this.#ledger.give(use, byteLength)
      throw error
    }
  }

  /** Frees a buffer once all events have ended, well or not, and no operation uses it. */
  free(buffer: object, after: readonly QueueEvent[]): void {
    const use = buffer instanceof OwnedMemory ? this.#uses.get(buffer) : undefined
    if (use === undefined) throw new UsageError('the buffer was freed, or belongs to another allocator')
    const memory = buffer as OwnedMemory
    memory.giveUp(() => {
      if (!this.#uses.delete(memory)) return
      if (use === 'device') this.#ledger.giveAnnounced(memory.byteLength)
      else this.#ledger.give(use, memory.byteLength)
    })
    if (use === 'device') this.#ledger.announce(memory.byteLength)
    releaseAfter(memory, after)
  }

  /**
   * Checks a span and gives its bytes.
   * @throws {FlexgenError} `USAGE` for a span outside its buffer, freed memory, or memory that is not host-visible
   */
  lend({ buffer, byteOffset, byteLength }: Span, what: string): MappedBytes {
    checkSize(`the byte offset of ${what}`, byteOffset)
    checkSize(`the byte length of ${what}`, byteLength)
    if (byteOffset + byteLength > buffer.byteLength)
      throw new UsageError(`${what} ends at byte ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} bytes`)
    const owner = buffer instanceof OwnedMemory ? buffer : undefined
    owner?.assertLive()
    const { bytes } = buffer
    if (bytes === undefined) throw new UsageError(`${what} lies in memory of another backend`)
    if (bytes.byteLength < buffer.byteLength) throw new UsageError(`${what} lies in a buffer that was freed`)
    return { bytes: bytes.subarray(byteOffset, byteOffset + byteLength), owner }
  }

  /** Ends all memory that nothing uses. */
  close(): void {
    const buffers = [...this.#uses.keys()]
    this.#uses.clear()
    for (const memory of buffers) memory.end()
  }
}

/** @throws {FlexgenError} `USAGE` where memory went after it was lent, because `free` was not told of its use */
export function assertThere({ bytes }: MappedBytes, byteLength: number, what: string): void {
  if (bytes.byteLength === byteLength) return
  throw new UsageError(`${what} was freed before an operation that uses it`, {
    hint: 'pass the events of all operations that use a buffer to free()',
  })
}
