import type { Backend, CacheBuffer, CacheCopy, CacheRow, CacheSpec, Queue, QueueEvent } from '@flexgen/spec'
import { HeldBuffers } from './held-buffers.ts'
import { queueRowCopies } from './queue-row-copies.ts'
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
  /** End of the copies into the slot; undefined where nothing is copied. */
  readonly copied: QueueEvent | undefined
}

/** Slots for streamed rows: one is loaded while the other is attended. */
export const cacheSlotCount = 2

/** The slots of one place where KV is attended. */
export class CacheLane {
  readonly backend: Backend
  readonly loadQueue: Queue
  readonly storeQueue: Queue
  readonly #spec: CacheSpec
  #slots: SlotPool<CacheBuffer>
  #buffers: HeldBuffers
  #slotRows: number

  /** @throws {FlexgenError} `OUT_OF_MEMORY`; then nothing is left allocated */
  constructor({ backend, slotRows, loadQueue, storeQueue }: CacheLaneOptions, spec: CacheSpec) {
    this.backend = backend
    this.loadQueue = loadQueue
    this.storeQueue = storeQueue
    this.#spec = spec
    this.#slotRows = slotRows
    ;[this.#slots, this.#buffers] = this.#allocate(slotRows)
  }

  /** Rows of a slot. */
  get slotRows(): number {
    return this.#slotRows
  }

  /** Makes slots of so many rows, if they have less; no run may use them. @throws {FlexgenError} then they stay */
  grow(slotRows: number): void {
    if (slotRows <= this.#slotRows) return
    const [slots, buffers] = this.#allocate(slotRows)
    this.#buffers.free()
    this.#slots = slots
    this.#buffers = buffers
    this.#slotRows = slotRows
  }

  #allocate(slotRows: number): [SlotPool<CacheBuffer>, HeldBuffers] {
    const buffers = new HeldBuffers(this.backend)
    try {
      const count = slotRows === 0 ? 0 : cacheSlotCount
      const slots = Array.from({ length: count }, () => buffers.allocateCache(this.#spec, slotRows))
      return [new SlotPool(slots), buffers]
    } catch (error) {
      buffers.free()
      throw error
    }
  }

  /** Frees the slots; no run may use them. */
  free(): void {
    this.#buffers.free()
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
  readonly #copies: CacheCopy[] = []
  #slot: Slot<CacheBuffer> | undefined
  #rowCount = 0
  #copied: QueueEvent | undefined

  constructor(loadQueue: Queue, slots: SlotPool<CacheBuffer>) {
    this.#loadQueue = loadQueue
    this.#slots = slots
  }

  /** Rows of the slot that are taken. */
  get rowCount(): number {
    return this.#rowCount
  }

  /** The next row of the slot. */
  nextRow(): CacheRow {
    if (this.#slot === undefined) {
      this.#slot = this.#slots.take()
      for (const event of this.#slot.after) this.#loadQueue.wait(event)
    }
    return { cache: this.#slot.item, row: this.#rowCount++ }
  }

  /** Has a row that rests in RAM copied into the slot once an event has ended. */
  add(copy: CacheCopy, after: QueueEvent | undefined): void {
    if (after !== undefined) this.#loadQueue.wait(after)
    this.#copies.push(copy)
  }

  /** Queues the copies of all rows that were added. */
  queueRows(): void {
    this.copied(queueRowCopies(this.#loadQueue, 'toCache', this.#copies.splice(0)))
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
    return { ready: [...this.#waits, ...slotReady], slot: this.#slot, copied: this.#copied }
  }
}
