import { SettableEvent } from '@flexgen/spec'
import type { IssuedOrder } from './stream-order.ts'

/** The end of an operation of a CUDA queue, which other queues can wait for on the device. */
export class CudaEvent extends SettableEvent {
  /** Where the operation stands on the device; undefined until it is issued. */
  issued: IssuedOrder | undefined
  /** Why it was never issued. */
  failure: { readonly error: unknown } | undefined
  /** Whether another queue waits for it, so that it needs an event of its own on the device. */
  isAwaited = false
  #listeners: (() => void)[] = []

  /** Calls the listener once the operation is issued or has failed before. */
  onIssued(listener: () => void): void {
    if (this.issued !== undefined || this.failure !== undefined || this.isDone()) listener()
    else this.#listeners.push(listener)
  }

  /** Says that `issued` or `failure` is set. */
  announce(): void {
    for (const listener of this.#listeners.splice(0)) listener()
  }
}
