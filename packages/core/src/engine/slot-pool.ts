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
  /** A ring: the free ones begin at `first`, and there are never more slots than at the start. */
  readonly #slots: (Slot<Item> | undefined)[]
  #first = 0
  #freeCount: number

  constructor(items: readonly Item[]) {
    this.#slots = items.map((item) => ({ item, after: [] }))
    this.#freeCount = items.length
  }

  /** The slot that was released first. @throws {InternalError} where none is free: the pool was planned too small */
  take(): Slot<Item> {
    const slot = this.#slots[this.#first]
    if (slot === undefined) throw new InternalError('no slot is free')
    this.#slots[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#slots.length
    this.#freeCount--
    return slot
  }

  release(item: Item, ...after: QueueEvent[]): void {
    this.#slots[(this.#first + this.#freeCount) % this.#slots.length] = { item, after }
    this.#freeCount++
  }
}
