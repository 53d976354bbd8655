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
  readonly #items: readonly Item[]
  /** A ring: the free ones begin at `first`, and there are never more slots than at the start. */
  readonly #slots: (Slot<Item> | undefined)[]
  #first = 0
  #freeCount: number

  constructor(items: readonly Item[]) {
    this.#items = items
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

  /**
   * Puts the slots in the order of the start: users that come in the same order again get the same ones, and bind nothing
   * anew. @throws {InternalError} where one is not free
   */
  rewind(): void {
    if (this.#freeCount < this.#items.length) throw new InternalError('a slot is in use')
    const free = new Map(this.#slots.map((slot) => [slot!.item, slot]))
    for (const [i, item] of this.#items.entries()) this.#slots[i] = free.get(item)
    this.#first = 0
  }

  release(item: Item, ...after: QueueEvent[]): void {
    this.#slots[(this.#first + this.#freeCount) % this.#slots.length] = { item, after }
    this.#freeCount++
  }
}
