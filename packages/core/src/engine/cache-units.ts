import {
  type CacheCopy,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type HostBuffer,
  type QueueEvent,
  type Region,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import type { LiveRow } from '../schedule/sweep.ts'
import type { AttentionPlace, CacheLane, CacheLaneOptions } from './cache-lane.ts'
import type { HeldBuffers } from './held-buffers.ts'
import { freeRow, type HeldRow, holdRows } from './held-rows.ts'
import { createPages, pageBufferBytes, type PageLane } from './page-lane.ts'
import { SlotPool } from './slot-pool.ts'

/** Where the KV of one sequence in one layer rests, and where it is attended in decode. */
export interface CacheHome {
  readonly home: RowHome
  readonly attends: AttentionPlace
}

/** KV of one sequence in one layer; what is absent was not allocated yet, or is not needed at its home. */
export interface CacheUnit extends Pick<CacheHome, 'home'> {
  /** May change between two sweeps where the home is RAM. */
  attends: AttentionPlace
  /** The row itself, where a backend reads it in place. */
  readonly inPlace: Partial<Record<AttentionPlace, HeldRow>>
  /** RAM home: the whole row. Disk home: its pages. */
  region?: Region
  /** Disk home: the page that is not full yet. */
  tail?: Region
  /** End of the last store; a load waits for it. */
  stored?: QueueEvent
  /** End of the last write of a page; reads wait for it. */
  written?: QueueEvent
  /** End of the last write of the tail; it may not change before. */
  tailWritten?: QueueEvent
  /** On the device: its first positions as they still rest in RAM, where it came from. */
  shadow?: Shadow
  /** End of a copy that is made of it for another home; what it holds may not be freed before. */
  copied?: QueueEvent
}

/** RAM that a unit has left for the device, and what of it is still that of the sequence: to go back, only the rest is copied. */
export interface Shadow {
  readonly region: Region
  readonly owner: number
  readonly positions: number
}

/** What units are kept with. */
export interface CacheUnitsOptions {
  readonly device: CacheLaneOptions
  /** Absent where the device alone attends. */
  readonly host: CacheLaneOptions | undefined
  readonly ram: Tier
  readonly disk: Tier
  readonly spec: CacheSpec
  readonly pagePositions: number
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
}

/** Allocates, frees, loads and stores units of KV, wherever they are at home. */
export class CacheUnits {
  readonly #options: CacheUnitsOptions
  /** What pages of the sweeps pass through. */
  #pageLane: PageLane
  #lastWritten: QueueEvent | undefined
  #spareTail: Region | undefined
  #reservesTail = false
  /** Units that have a shadow. */
  readonly #shadows = new Set<CacheUnit>()
  readonly #heldBytes = { device: 0, ram: 0, disk: 0 }

  constructor(options: CacheUnitsOptions) {
    this.#options = options
    const { readQueue, writeQueue } = options
    this.#pageLane = { readQueue, writeQueue, pages: new SlotPool<CachePage>([]) }
  }

  /** Makes the buffers that pages of units on disk pass through; once, before the first of them moves. */
  allocatePageBuffers(buffers: HeldBuffers): void {
    this.#pageLane = { ...this.#pageLane, pages: this.createPages(buffers.allocateHost(this.pageBufferBytes)) }
  }

  /** Bytes of a page, and of the buffers that pages pass through. */
  get pageBytes(): number {
    return cachePageBytes(this.#options.spec, this.#options.pagePositions)
  }

  /** Bytes of a unit on disk. */
  get diskRowBytes(): number {
    const { spec, pagePositions } = this.#options
    return Math.floor(spec.maxPositions / pagePositions) * this.pageBytes
  }

  get pageBufferBytes(): number {
    return pageBufferBytes(this.#options.spec, this.#options.pagePositions)
  }

  /** Page buffers in some host memory of that size. */
  createPages(staging: HostBuffer): SlotPool<CachePage> {
    return createPages(staging, this.#options.spec, this.#options.pagePositions)
  }

  /** Bytes that units take by tier, those on their way included. */
  get heldBytes(): Readonly<Record<RowHome, number>> {
    return this.#heldBytes
  }

  /** Units on the device, whose rows are those of one buffer. */
  allocateSideBySide(count: number): CacheUnit[] {
    const { device, spec } = this.#options
    const rows = holdRows(device.backend.allocateCache(spec, count))
    this.#heldBytes.device += count * cachePageBytes(spec, spec.maxPositions)
    return rows.map((row) => ({ home: 'device', attends: 'device', inPlace: { device: row } }))
  }

  /** Allocates what a unit off the device needs; after a failure what there was of it is in the unit all the same. */
  async allocate(unit: CacheUnit): Promise<void> {
    const { spec } = this.#options
    if (unit.home === 'ram') {
      unit.region = await this.#allocate('ram', cachePageBytes(spec, spec.maxPositions))
      this.attendAt(unit, unit.attends)
    } else {
      unit.tail = await this.#allocateTail()
      if (this.diskRowBytes > 0) unit.region = await this.#allocate('disk', this.diskRowBytes)
    }
  }

  /** Holds one tail back, so that a unit can go to the disk where RAM has no room left: it gives back more than that. */
  async reserveTail(): Promise<void> {
    this.#reservesTail = true
    this.#spareTail ??= await this.#options.ram.allocate(this.pageBytes)
  }

  /** Frees what is held back; nothing goes to the disk any more. */
  freeReserve(): void {
    if (this.#spareTail !== undefined) this.#options.ram.free(this.#spareTail)
    this.#spareTail = undefined
  }

  async #allocateTail(): Promise<Region> {
    try {
      // What was taken comes back first.
      if (this.#reservesTail) await this.reserveTail()
      return await this.#allocate('ram', this.pageBytes)
    } catch (error) {
      const spare = this.#spareTail
      if (spare === undefined) throw error
      this.#spareTail = undefined
      this.#heldBytes.ram += spare.byteLength
      return spare
    }
  }

  /** Keeps the RAM of a unit whose KV has come to the device, `to`, as the shadow of that one. */
  keepShadow(from: CacheUnit, to: CacheUnit, owner: number, positions: number): void {
    if (from.home !== 'ram' || to.home !== 'device' || this.#options.device.backend.device.hostVisible) return
    to.shadow = { region: from.region!, owner, positions }
    delete from.region
    this.#shadows.add(to)
  }

  /**
   * Makes the shadow of a unit on the device the region of one in RAM.
   * @returns positions that are there; undefined where the unit has no shadow
   */
  takeShadow(from: CacheUnit, to: CacheUnit, owner: number): number | undefined {
    const { shadow } = from
    if (shadow === undefined || to.home !== 'ram') return undefined
    this.#shadows.delete(from)
    delete from.shadow
    to.region = shadow.region
    if (from.stored !== undefined) to.stored = from.stored
    this.attendAt(to, to.attends)
    return shadow.owner === owner ? shadow.positions : 0
  }

  /** Bytes of RAM that shadows take; they go where anything else needs them. */
  get shadowBytes(): number {
    return [...this.#shadows].reduce((sum, { shadow }) => sum + shadow!.region.byteLength, 0)
  }

  /** Frees shadows of at least so many bytes, or all. */
  dropShadows(leastBytes: number): void {
    let leftBytes = leastBytes
    for (const unit of this.#shadows) {
      if (leftBytes <= 0) return
      leftBytes -= unit.shadow!.region.byteLength
      this.#dropShadow(unit, [])
    }
  }

  #dropShadow(unit: CacheUnit, after: readonly QueueEvent[]): void {
    const { shadow, stored } = unit
    if (shadow === undefined) return
    this.#shadows.delete(unit)
    delete unit.shadow
    this.#free('ram', shadow.region, stored === undefined ? after : [...after, stored])
  }

  async #allocate(tier: 'ram' | 'disk', byteLength: number): Promise<Region> {
    const region = await this.#options[tier].allocate(byteLength)
    this.#heldBytes[tier] += byteLength
    return region
  }

  /** What waits for events before it is free is held until then. */
  #releaseAfter(tier: RowHome, sizeBytes: number, after: readonly QueueEvent[]): void {
    const open = new Set(after.filter((event) => !event.isDone()))
    if (open.size === 0) this.#heldBytes[tier] -= sizeBytes
    for (const event of open) {
      event.onSettled(() => {
        if (open.delete(event) && open.size === 0) this.#heldBytes[tier] -= sizeBytes
      })
    }
  }

  #free(tier: 'ram' | 'disk', region: Region, after: readonly QueueEvent[]): void {
    this.#releaseAfter(tier, region.byteLength, after)
    this.#options[tier].free(region, ...after)
  }

  /**
   * Queues the way of the cached positions of a unit that is not at hand into a row; undefined where there are none.
   * @param first position from which on they are wanted; of pages on disk the whole page comes again
   */
  loadRow(
    unit: CacheUnit,
    target: CacheRow,
    cached: number,
    { loadQueue, pageLane = this.#pageLane }: Pick<UnitLane, 'loadQueue' | 'pageLane'>,
    first = 0,
  ): QueueEvent | undefined {
    const { pagePositions } = this.#options
    const { readQueue, pages } = pageLane
    if (cached === first) return undefined
    if (unit.stored !== undefined) loadQueue.wait(unit.stored)
    if (unit.home === 'ram') {
      const { range, page } = this.copyOf(unit, target, first, cached - first)
      return loadQueue.copyToCache(range, page)
    }
    const fullPages = Math.floor(cached / pagePositions)
    const firstPage = Math.floor(first / pagePositions)
    let last: QueueEvent | undefined
    if (fullPages > firstPage && unit.written !== undefined) readQueue.wait(unit.written)
    for (let p = firstPage; p < fullPages; p++) {
      const { item: page, after } = pages.take()
      for (const event of after) readQueue.wait(event)
      loadQueue.wait(readQueue.read(page.span, unit.region!, p * page.span.byteLength))
      const range = { ...target, position: p * pagePositions, count: pagePositions }
      last = loadQueue.copyToCache(range, { page, position: 0 })
      pages.release(page, last)
    }
    const position = fullPages * pagePositions
    if (position === cached) return last
    const page = this.#restingPage(unit.tail!, pagePositions)
    return loadQueue.copyToCache({ ...target, position, count: cached - position }, { page, position: 0 })
  }

  /** Queues the way of new positions from a row to where the unit is at home, and notes its end there. */
  store(
    unit: CacheUnit,
    source: CacheRow,
    live: StoredRange,
    lane: Pick<UnitLane, 'storeQueue' | 'pageLane'>,
  ): QueueEvent {
    if (unit.home === 'ram') {
      const { range, page } = this.copyOf(unit, source, live.cachedPositions, live.newTokens)
      unit.stored = lane.storeQueue.copyFromCache(page, range)
    } else unit.stored = this.#storePages(unit, source, live, lane)
    return unit.stored
  }

  /** The copy of some positions between a row and a unit in RAM. */
  copyOf(unit: CacheUnit, row: CacheRow, position: number, count: number): CacheCopy {
    const page = this.#restingPage(unit.region!, this.#options.spec.maxPositions)
    return { range: { ...row, position, count }, page: { page, position } }
  }

  /** A page that comes whole goes to disk through a page buffer; one that fills bit by bit is the tail until then. */
  #storePages(
    unit: CacheUnit,
    source: CacheRow,
    live: StoredRange,
    { storeQueue, pageLane = this.#pageLane }: Pick<UnitLane, 'storeQueue' | 'pageLane'>,
  ): QueueEvent {
    const { pagePositions } = this.#options
    const { writeQueue, pages } = pageLane
    const end = live.cachedPositions + live.newTokens
    let last: QueueEvent | undefined
    for (let position = live.cachedPositions; position < end;) {
      const pageIndex = Math.floor(position / pagePositions)
      const pageStart = pageIndex * pagePositions
      const count = Math.min(end, pageStart + pagePositions) - position
      const buffer = count === pagePositions ? pages.take() : undefined
      const page = buffer?.item ?? this.#restingPage(unit.tail!, pagePositions)
      if (buffer !== undefined) for (const event of buffer.after) storeQueue.wait(event)
      else if (unit.tailWritten !== undefined) storeQueue.wait(unit.tailWritten)
      last = storeQueue.copyFromCache({ page, position: position - pageStart }, { ...source, position, count })
      position += count
      if (position < pageStart + pagePositions) break
      writeQueue.wait(last)
      unit.written = writeQueue.write(unit.region!, pageIndex * page.span.byteLength, page.span)
      if (pageLane === this.#pageLane) this.#lastWritten = unit.written
      if (buffer !== undefined) pages.release(buffer.item, unit.written)
      else unit.tailWritten = unit.written
    }
    return last!
  }

  #restingPage(region: Region, positions: number): CachePage {
    return { span: spanOf(this.#options.ram.view!(region)), positions }
  }

  /** Has a unit in RAM attended elsewhere from the next sweep on; nothing moves. */
  attendAt(unit: CacheUnit, place: AttentionPlace): void {
    const { device, host, ram, spec } = this.#options
    const { backend } = place === 'host' ? host! : device
    unit.attends = place
    if (unit.inPlace[place] !== undefined || backend.viewCache === undefined) return
    const page = { span: spanOf(ram.view!(unit.region!)), positions: spec.maxPositions }
    unit.inPlace[place] = holdRows(backend.viewCache([page], spec))[0]!
  }

  /** Frees a unit once its own stores and the given events have ended. */
  free(unit: CacheUnit, ...events: QueueEvent[]): void {
    const { device, host, spec } = this.#options
    const own = [unit.stored, unit.written, unit.copied].filter((event) => event !== undefined)
    const after = [...events, ...own]
    if (unit.home === 'device') this.#releaseAfter('device', cachePageBytes(spec, spec.maxPositions), after)
    if (unit.inPlace.device !== undefined) freeRow(device.backend, unit.inPlace.device, after)
    if (unit.inPlace.host !== undefined) freeRow(host!.backend, unit.inPlace.host, after)
    this.#dropShadow(unit, after)
    if (unit.tail !== undefined) this.#free('ram', unit.tail, after)
    if (unit.region !== undefined) this.#free(unit.home === 'disk' ? 'disk' : 'ram', unit.region, after)
  }

  /** Settles once all that was written to disk has arrived; rejects where it has not, also where nobody reads it again. */
  async flush(): Promise<void> {
    await this.#lastWritten?.whenDone()
  }
}

/** Queues of a row on its way to or from a unit, and what pages pass through on it: those of the sweeps where absent. */
interface UnitLane extends Pick<CacheLane, 'loadQueue' | 'storeQueue'> {
  readonly pageLane?: PageLane
}

/** Positions that are stored. */
type StoredRange = Pick<LiveRow, 'cachedPositions' | 'newTokens'>
