import type { QueueEvent } from '@flexgen/spec'

/** A slot and the events after which its last user is done with it. */
export interface Slot<Item> {
  readonly item: Item
  readonly after: readonly QueueEvent[]
}

/**
 * A fixed set of slots that pass from user to user. A released slot can be taken at once: the next user lets its
 * queue wait for the events of the last one, so that queues stay filled without a round trip through JavaScript.
 */
export class SlotPool<Item> {
  readonly #free: Slot<Item>[]
  readonly #waiting: { resolve: (slot: Slot<Item>) => void; reject: (error: unknown) => void }[] = []
  #failure: { readonly error: unknown } | undefined

  constructor(items: readonly Item[]) {
    this.#free = items.map((item) => ({ item, after: [] }))
  }

  async acquire(): Promise<Slot<Item>> {
    if (this.#failure !== undefined) throw this.#failure.error
    const slot = this.#free.shift()
    if (slot !== undefined) return slot
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  release(item: Item, ...after: QueueEvent[]): void {
    const slot = { item, after }
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(slot)
    else next.resolve(slot)
  }

  /** Everybody who waits, now or later, gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }
}
