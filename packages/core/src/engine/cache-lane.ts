import type { Backend, CacheBuffer, CacheRow, CacheSpec, Queue, QueueEvent } from '@flexgen/spec'
import type { HeldBuffers } from './held-buffers.ts'
import { type Slot, SlotPool } from './slot-pool.ts'

/** Where the KV of a sequence is attended: on the device, or on the host where it rests. */
export type AttentionPlace = 'device' | 'host'

/** One backend that attends, with its own queues. */
export interface CacheLaneOptions {
  readonly backend: Backend
  /** Rows of a slot: the most rows of one layer and batch that are streamed to this backend. */
  readonly slotRows: number
  readonly loadQueue: Queue
  readonly storeQueue: Queue
}

/** Rows of one batch and layer that are attended in one place. */
export interface LaneLoad {
  /** The run of attention waits for these. */
  readonly ready: readonly QueueEvent[]
  readonly slot: Slot<CacheBuffer> | undefined
}

/** Slots for streamed rows: one is loaded while the other is attended. */
export const cacheSlotCount = 2

/** The slots of one place where KV is attended. */
export class CacheLane {
  readonly backend: Backend
  readonly loadQueue: Queue
  readonly storeQueue: Queue
  readonly #slots: SlotPool<CacheBuffer>

  /** Allocates the slots; after a failure they are in `buffers` all the same. */
  constructor({ backend, slotRows, loadQueue, storeQueue }: CacheLaneOptions, spec: CacheSpec, buffers: HeldBuffers) {
    this.backend = backend
    this.loadQueue = loadQueue
    this.storeQueue = storeQueue
    const count = slotRows === 0 ? 0 : cacheSlotCount
    this.#slots = new SlotPool(Array.from({ length: count }, () => buffers.allocateCache(spec, slotRows)))
  }

  /** Fills a load row by row. */
  begin(): LaneLoading {
    return new LaneLoading(this.loadQueue, this.#slots)
  }

  /** Gives the slot of a load back once `after` has ended. */
  release({ slot }: LaneLoad, after: QueueEvent): void {
    if (slot !== undefined) this.#slots.release(slot.item, after)
  }
}

/** A load on its way: takes a slot when the first row needs one. */
export class LaneLoading {
  readonly #loadQueue: Queue
  readonly #slots: SlotPool<CacheBuffer>
  readonly #waits: QueueEvent[] = []
  #slot: Slot<CacheBuffer> | undefined
  #rowCount = 0
  #copied: QueueEvent | undefined

  constructor(loadQueue: Queue, slots: SlotPool<CacheBuffer>) {
    this.#loadQueue = loadQueue
    this.#slots = slots
  }

  /** The next row of the slot. */
  nextRow(): CacheRow {
    if (this.#slot === undefined) {
      this.#slot = this.#slots.take()
      for (const event of this.#slot.after) this.#loadQueue.wait(event)
    }
    return { cache: this.#slot.item, row: this.#rowCount++ }
  }

  /** Says that a copy into the slot was queued; of several the last. */
  copied(event: QueueEvent | undefined): void {
    this.#copied = event ?? this.#copied
  }

  /** Lets the run wait for an event, such as the last store of a row that is read in place. */
  waitFor(event: QueueEvent | undefined): void {
    if (event !== undefined && !(event.isDone() && event.error === undefined)) this.#waits.push(event)
  }

  end(): LaneLoad {
    // Even where nothing is copied (prefill), the run must wait for the slot's last users.
    const slotReady = this.#copied === undefined ? (this.#slot?.after ?? []) : [this.#copied]
    return { ready: [...this.#waits, ...slotReady], slot: this.#slot }
  }
}
