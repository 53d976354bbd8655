/** Something with work on the device. */
export interface Polled {
  /** Finds out how far the device has come; says whether further than before. */
  poll(): boolean
  /** Number of the first operation, where it has ended and is not settled yet. */
  readonly nextNumber: number | undefined
  /** Settles that operation. */
  settleNext(): void
  /** Whether operations are under way. */
  readonly isBusy: boolean
}

/** Polls without anything ended before the poller lets a millisecond pass between two of them. */
const idlePolls = 2000

/** Looks for work of the device that has ended, in every turn of the event loop while there is any. */
export class CompletionPoller {
  readonly #busy = new Set<Polled>()
  #isScheduled = false
  #idleCount = 0
  #number = 0

  /** The number of the operation that is issued next, of all queues. */
  nextNumber(): number {
    return ++this.#number
  }

  /** Polls until it says that it has no work left. */
  watch(polled: Polled): void {
    this.#busy.add(polled)
    this.#idleCount = 0
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#busy.size === 0) return
    this.#isScheduled = true
    const turn = (): void => {
      this.#isScheduled = false
      this.#turn()
    }
    // Short work is seen at once; while long work runs, the thread sleeps.
    if (this.#idleCount < idlePolls) setImmediate(turn)
    else setTimeout(turn, 1)
  }

  #turn(): void {
    this.#idleCount++
    // Until nothing moves: what was waited for has then been seen, too.
    for (let moved = true; moved;) {
      moved = false
      for (const polled of this.#busy) if (polled.poll()) moved = true
      if (moved) this.#idleCount = 0
    }
    for (let first = this.#first(); first !== undefined; first = this.#first()) first.settleNext()
    for (const polled of this.#busy) if (!polled.isBusy) this.#busy.delete(polled)
    this.#schedule()
  }

  /** Where the first operation, in the order of issue, has ended. */
  #first(): Polled | undefined {
    let first: Polled | undefined
    let least = Number.POSITIVE_INFINITY
    for (const polled of this.#busy) {
      const { nextNumber } = polled
      if (nextNumber === undefined || nextNumber >= least) continue
      least = nextNumber
      first = polled
    }
    return first
  }
}
