import { type DeviceBuffer, type HostBuffer, UsageError } from '@flexgen/spec'
import { LazyBytes } from './lazy-bytes.ts'

/** A 32-bit number in a memory: a float32 by its bits, or an int32. */
export interface Word {
  /** Place in the whole memory, counted in words. */
  readonly at: number
  readonly bits: number
}

/** The float32 number 1. */
export const oneBits = 0x3f800000

/** Memory of a simulated backend: a size, and where JavaScript sees it bytes that are made when they are asked for. */
export class SimulatedMemory {
  readonly byteLength: number
  /** Who allocated it. */
  readonly owner: object
  readonly use: 'device' | 'host'
  isFreed = false
  /** Host memory that was copied here from its first byte on: what kernels read of their small inputs. */
  source: SimulatedMemory | undefined
  /** The bytes, once somebody has asked for the memory behind them. */
  made: Uint8Array<ArrayBuffer> | undefined
  /** What kernels have written that anybody reads: the logits that stand out, and ids. */
  words: readonly Word[] = []

  constructor(owner: object, use: 'device' | 'host', byteLength: number) {
    this.owner = owner
    this.use = use
    this.byteLength = byteLength
  }

  /** Replaces a range of words: zeros but for those that are given. */
  setWords(words: readonly Word[], first: number, count: number): void {
    const isReplaced = ({ at }: Word): boolean => at >= first && at < first + count
    if (this.made !== undefined) {
      const values = new Int32Array(this.made.buffer, 0, Math.floor(this.byteLength / 4))
      for (const word of this.words) if (isReplaced(word)) values[word.at] = 0
      for (const { at, bits } of words) values[at] = bits
    }
    this.words = [...this.words.filter((word) => !isReplaced(word)), ...words]
  }

  /** @throws {UsageError} after it was freed */
  assertLive(what: string): void {
    if (this.isFreed) throw new UsageError(`${what} was freed`)
  }
}

/** Memory that JavaScript sees. */
export class VisibleMemory extends SimulatedMemory implements HostBuffer {
  #bytes: LazyBytes | undefined

  get bytes(): Uint8Array {
    this.assertLive('the buffer')
    this.#bytes ??= LazyBytes.create(this.byteLength, (made) => {
      this.made = made
      this.setWords(this.words, 0, this.byteLength / 4)
    })
    return this.#bytes
  }
}

/** The simulated memory behind a buffer; undefined for a buffer of somebody else. */
export function memoryOf(buffer: HostBuffer | DeviceBuffer): SimulatedMemory | undefined {
  return buffer instanceof SimulatedMemory ? buffer : undefined
}
