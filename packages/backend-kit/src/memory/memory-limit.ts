import { doneEvent, type Clock, OutOfMemoryError, type QueueEvent, SettableEvent, UsageError } from '@flexgen/spec'

/** What a new limit is set against. */
export interface LimitRequest {
  /** The least that can be held, and of what, for the message. */
  readonly leastBytes: number
  readonly holders: string
  /** Bytes that count against the limit now; asked once it holds for allocations, so that it may give back what nobody uses. */
  readonly heldBytes: () => number
}

/** A limit of memory that may change, and those who wait until it is really held. */
export class MemoryLimit {
  /** Holds for allocations at once. */
  bytes: number
  readonly #clock: Clock
  #waiting: { readonly limitBytes: number; readonly event: SettableEvent }[] = []

  constructor(clock: Clock, bytes: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.bytes = bytes
  }

  /** The event settles once what is held is below the new limit, or fails at once where it never can be. */
  set(limitBytes: number, { leastBytes, holders, heldBytes }: LimitRequest): QueueEvent {
    if (!(limitBytes >= 0)) throw new UsageError(`a memory limit is a number of bytes, not ${limitBytes}`)
    if (leastBytes > limitBytes) {
      const event = new SettableEvent()
      const message = `a limit of ${limitBytes} bytes cannot be held: ${holders} hold ${leastBytes} bytes`
      event.settle(this.#clock.now(), new OutOfMemoryError(message))
      return event
    }
    this.bytes = limitBytes
    if (heldBytes() <= limitBytes) return doneEvent
    const event = new SettableEvent()
    this.#waiting.push({ limitBytes, event })
    return event
  }

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  /** Settles those whose limit is held now. */
  settle(heldBytes: number): void {
    const met = this.#waiting.filter(({ limitBytes }) => heldBytes <= limitBytes)
    this.#waiting = this.#waiting.filter((entry) => !met.includes(entry))
    for (const { event } of met) event.settle(this.#clock.now())
  }
}
