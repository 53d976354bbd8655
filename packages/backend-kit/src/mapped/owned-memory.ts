import { UsageError } from '@flexgen/spec'
import type { MappedMemory } from './page-memory.ts'

/**
 * A buffer that native code reads and writes: device and host are one memory, so it is both. It is live, then given up (`free` was
 * called), then gone; operations that use it keep it until they have ended, whatever `free` was told.
 */
export class OwnedMemory {
  readonly byteLength: number
  /** Detached, and so without bytes, once the memory is gone. */
  readonly bytes: Uint8Array
  readonly #mapping: MappedMemory
  #uses = 1
  #isGivenUp = false
  #onGone: (() => void) | undefined

  constructor(mapping: MappedMemory, byteLength: number) {
    this.#mapping = mapping
    this.byteLength = byteLength
    this.bytes = new Uint8Array(mapping.buffer, 0, byteLength)
  }

  /** @throws {FlexgenError} `USAGE` after it was given up */
  assertLive(): void {
    if (this.#isGivenUp) throw new UsageError('the buffer was freed')
  }

  /** Keeps the memory until `release` is called as often. */
  retain(): void {
    this.#uses++
  }

  release(): void {
    if (--this.#uses > 0) return
    this.#mapping.unmap()
    this.#onGone?.()
  }

  /** Ends it at once; for the end of the backend, when nothing runs any longer. */
  end(): void {
    this.#isGivenUp = true
    this.#mapping.unmap()
  }

  /** Gives it up; `onGone` is called once nothing uses it any longer. */
  giveUp(onGone: () => void): void {
    this.assertLive()
    this.#isGivenUp = true
    this.#onGone = onGone
  }
}
