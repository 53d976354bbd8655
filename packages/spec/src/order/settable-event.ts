import type { QueueEvent } from './queue-event.ts'

/** A `QueueEvent` that its maker settles exactly once. */
export class SettableEvent implements QueueEvent {
  error: unknown = undefined
  completedAtMs: number | undefined = undefined
  /** Of most events there is one at most, which needs no list. */
  #listener: ((error: unknown) => void) | undefined
  #others: ((error: unknown) => void)[] | undefined

  isDone(): boolean {
    return this.completedAtMs !== undefined
  }

  whenDone(): Promise<void> {
    return new Promise((resolve, reject) => {
      // The reason is whatever failed, as it was thrown.
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors
      this.onSettled((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  onSettled(listener: (error: unknown) => void): void {
    if (this.isDone()) listener(this.error)
    else if (this.#listener === undefined) this.#listener = listener
    else (this.#others ??= []).push(listener)
  }

  /** Ends the event; `error` undefined means success. */
  settle(atMs: number, error?: unknown): void {
    this.error = error
    this.completedAtMs = atMs
    const [first, others] = [this.#listener, this.#others]
    this.#listener = undefined
    this.#others = undefined
    first?.(error)
    if (others !== undefined) for (const listener of others) listener(error)
  }
}

/** An event that has already ended well. */
export const doneEvent: QueueEvent = (() => {
  const event = new SettableEvent()
  event.settle(0)
  return event
})()
