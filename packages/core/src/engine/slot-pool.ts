import { InternalError, type QueueEvent } from '@flexgen/spec'

/** A slot and the events after which its last user is done with it. */
export interface Slot<Item> {
  readonly item: Item
  readonly after: readonly QueueEvent[]
}

/**
 * A fixed set of slots that pass from user to user. A released slot can be taken at once: the next user lets its
 * queue wait for the events of the last one, so that queues stay filled and JavaScript never waits.
 */
export class SlotPool<Item> {
  readonly #free: Slot<Item>[]

  constructor(items: readonly Item[]) {
    this.#free = items.map((item) => ({ item, after: [] }))
  }

  /** The slot that was released first. @throws {InternalError} where none is free: the pool was planned too small */
  take(): Slot<Item> {
    const slot = this.#free.shift()
    if (slot === undefined) throw new InternalError('no slot is free')
    return slot
  }

  release(item: Item, ...after: QueueEvent[]): void {
    this.#free.push({ item, after })
  }
}
