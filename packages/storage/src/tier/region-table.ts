import { type FlexgenError, InternalError, type QueueEvent, type Region } from '@flexgen/spec'
import { afterAll } from './after-all.ts'
import { checkRange } from './check.ts'
import type { Counters } from './counters.ts'

/** A region as its tier sees it. */
export interface OwnedRegion extends Region {
  /** Set once the bytes behind the region are given back. */
  released: boolean
}

/** What a region table needs of its tier. */
export interface RegionTableOptions<Owned extends OwnedRegion> {
  readonly tierName: string
  readonly counters: Counters
  readonly budgetBytes: number
  /** The error for a budget that is too small. */
  readonly overBudget: (message: string) => FlexgenError
  /** Gives back what lies behind a region. */
  readonly giveBack: (region: Owned) => void
}

/** The regions of a tier: which are alive, how many bytes they hold, and when each may be given back. */
export class RegionTable<Owned extends OwnedRegion> {
  readonly #options: RegionTableOptions<Owned>
  readonly #live = new Set<Region>()
  /** Freed by their owner, but an event is still open. */
  readonly #leaving = new Set<Owned>()
  #closed = false

  constructor(options: RegionTableOptions<Owned>) {
    this.#options = options
  }

  /** Counts bytes against the budget before they are allocated. @throws {FlexgenError} `OUT_OF_MEMORY` or `OUT_OF_DISK` */
  reserve(byteLength: number): void {
    this.checkOpen()
    checkRange('a region', 0, byteLength, Number.MAX_SAFE_INTEGER)
    const { counters, budgetBytes, tierName, overBudget } = this.#options
    const heldBytes = counters.heldBytes + byteLength
    if (heldBytes > budgetBytes)
      throw overBudget(
        `the ${tierName} tier may hold ${budgetBytes} bytes and holds ${counters.heldBytes}: no room for ${byteLength} more`,
      )
    counters.heldBytes = heldBytes
  }

  /** Takes back a reservation whose allocation failed. */
  unreserve(byteLength: number): void {
    this.#options.counters.heldBytes -= byteLength
  }

  /** Adds a region whose bytes were reserved. */
  add(region: Owned): Owned {
    const { counters } = this.#options
    counters.peakHeldBytes = Math.max(counters.peakHeldBytes, counters.heldBytes)
    this.#live.add(region)
    return region
  }

  /** The region as its tier sees it. @throws {InternalError} for a freed region, another tier's, or a range outside */
  check(region: Region, byteOffset = 0, byteLength = 0): Owned {
    this.checkOpen()
    if (!this.#live.has(region)) throw new InternalError(`not a live region of the ${this.#options.tierName} tier`)
    checkRange('a region', byteOffset, byteLength, region.byteLength)
    return region as Owned
  }

  /** Frees a region after the events. A tier that was disposed has already freed it. */
  free(region: Region, after: readonly QueueEvent[]): void {
    if (this.#closed) return
    const owned = this.check(region)
    this.#live.delete(owned)
    this.#leaving.add(owned)
    afterAll(after, () => this.#release(owned))
  }

  /** @throws {InternalError} after `close` */
  checkOpen(): void {
    if (this.#closed) throw new InternalError(`the ${this.#options.tierName} tier was disposed`)
  }

  /** Lets nothing in any more. */
  close(): void {
    this.#closed = true
  }

  /** Gives back every region. */
  clear(): void {
    for (const region of [...this.#live, ...this.#leaving]) this.#release(region as Owned)
    this.#live.clear()
  }

  #release(region: Owned): void {
    if (region.released) return
    region.released = true
    this.#leaving.delete(region)
    this.#options.counters.heldBytes -= region.byteLength
    this.#options.giveBack(region)
  }
}
