import { InternalError, OutOfMemoryError, UsageError } from '@flexgen/spec'

/** Memory with a lifetime: it is live, then given up (`free` was called), then gone. */
export class Allocation {
  readonly byteLength: number
  #bytes: Uint8Array | undefined
  #givenUp = false

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the machine has no such memory */
  constructor(byteLength: number) {
    this.byteLength = byteLength
    try {
      this.#bytes = new Uint8Array(byteLength)
    } catch (cause) {
      throw new OutOfMemoryError(`cannot allocate ${byteLength} bytes`, { cause })
    }
  }

  /** The bytes, for operations that were queued while it was live. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined)
      throw new InternalError('the memory was freed', {
        hint: 'pass the events of all operations that use a buffer to free()',
      })
    return this.#bytes
  }

  /** @throws {FlexgenError} `USAGE` after it was given up */
  assertLive(): void {
    if (this.#givenUp) throw new UsageError('the buffer was freed')
  }

  giveUp(): void {
    this.assertLive()
    this.#givenUp = true
  }

  /** Ends it; false where it had ended before. */
  drop(): boolean {
    if (this.#bytes === undefined) return false
    this.#givenUp = true
    this.#bytes = undefined
    return true
  }
}
