import type { QueueEvent } from './queue-event.ts'

/** A `QueueEvent` that its maker settles exactly once. */
export class SettableEvent implements QueueEvent {
  error: unknown = undefined
  completedAtMs: number | undefined = undefined
  #listeners: ((error: unknown) => void)[] | undefined

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
    else if (this.#listeners === undefined) this.#listeners = [listener]
    else this.#listeners.push(listener)
  }

  /** Ends the event; `error` undefined means success. */
  settle(atMs: number, error?: unknown): void {
    this.error = error
    this.completedAtMs = atMs
    const listeners = this.#listeners
    this.#listeners = undefined
    if (listeners !== undefined) for (const listener of listeners) listener(error)
  }
}

/** An event that has already ended well. */
export const doneEvent: QueueEvent = (() => {
  const event = new SettableEvent()
  event.settle(0)
  return event
})()
