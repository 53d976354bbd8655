import { type QueueEvent, UsageError } from '@flexgen/spec'

/**
 * Something of this backend that operations use: live, then given up (`free` was called), then gone. Operations keep
 * it until they have ended, whatever `free` was told.
 */
export class Owned {
  readonly #end: () => void
  #uses = 1
  #isGivenUp = false
  #isGone = false
  #onGone: (() => void) | undefined

  /** @param end gives the memory back */
  constructor(end: () => void) {
    this.#end = end
  }

  /** @throws {FlexgenError} `USAGE` after it was given up */
  assertLive(): void {
    if (this.#isGivenUp) throw new UsageError('the buffer was freed')
  }

  /** Keeps it until `release` is called as often. */
  retain(): void {
    this.#uses++
  }

  release(): void {
    if (--this.#uses > 0) return
    this.end()
    this.#onGone?.()
  }

  /** Ends it at once; for the end of the backend, when nothing runs any longer. */
  end(): void {
    this.#isGivenUp = true
    if (this.#isGone) return
    this.#isGone = true
    this.#end()
  }

  /** Gives it up; `onGone` is called once nothing uses it any longer. */
  giveUp(onGone: () => void): void {
    this.assertLive()
    this.#isGivenUp = true
    this.#onGone = onGone
  }
}

/** Releases once all events have ended, well or not. */
export function releaseAfter(owned: Owned, after: readonly QueueEvent[]): void {
  let open = after.length + 1
  const settle = (): void => {
    if (--open === 0) owned.release()
  }
  for (const event of after) event.onSettled(settle)
  settle()
}
