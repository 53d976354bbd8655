import {
  type Backend,
  type CacheBuffer,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type Queue,
  type QueueEvent,
  type Region,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import type { LiveRow } from '../schedule/sweep.ts'
import { HeldBuffers } from './held-buffers.ts'
import { type Slot, SlotPool } from './slot-pool.ts'
import { alignedBytes } from './staging-ring.ts'

/** What the KV of a block is kept with. */
export interface CacheStoreOptions {
  readonly backend: Backend
  readonly ram: Tier
  readonly disk: Tier
  readonly spec: CacheSpec
  readonly pagePositions: number
  /** Home of the KV of every sequence, by cache layer and sequence. */
  readonly homes: readonly (readonly RowHome[])[]
  /** Rows of a slot: the most streamed rows of one layer and batch. */
  readonly slotRows: number
  readonly loadQueue: Queue
  readonly storeQueue: Queue
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
}

/** KV of one sequence in one layer; what is absent was not allocated yet, or is not needed at its home. */
interface CacheUnit {
  readonly home: RowHome
  /** The row itself, where attention reads it in place. */
  row?: CacheRow
  resident?: CacheBuffer
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
}

/** The rows of one layer and batch, loaded. */
export interface LoadedCache {
  readonly rows: readonly CacheRow[]
  readonly ready: readonly QueueEvent[]
  readonly slot: Slot<CacheBuffer> | undefined
}

/** Slots for streamed rows: one is loaded while the other is attended. */
export const cacheSlotCount = 2

/** Page buffers between disk and slots: so many reads and writes of pages are under way at once. */
const pageBufferCount = 8

/** Bytes of the page buffers. */
export function pageBufferBytes(spec: CacheSpec, pagePositions: number): number {
  return pageBufferCount * alignedBytes(cachePageBytes(spec, pagePositions))
}

/**
 * The KV cache of a block. The unit is (layer, sequence): an attended sequence is whole in one place. Rows that
 * kernels can read where they rest are bound there; the others are gathered in a slot for the run, and their new
 * positions are stored back. On disk only full pages are written; the tail page stays in RAM.
 */
export class CacheStore {
  readonly #options: CacheStoreOptions
  readonly #units: (CacheUnit | undefined)[][] = []
  readonly #buffers: HeldBuffers
  #slots = new SlotPool<CacheBuffer>([])
  #pages = new SlotPool<CachePage>([])
  #lastStored: QueueEvent | undefined
  #lastWritten: QueueEvent | undefined

  private constructor(options: CacheStoreOptions) {
    this.#options = options
    this.#buffers = new HeldBuffers(options.backend)
  }

  /** Allocates everything that the block will need; after a failure nothing is left. */
  static async create(options: CacheStoreOptions): Promise<CacheStore> {
    const store = new CacheStore(options)
    try {
      await store.#allocate()
      return store
    } catch (error) {
      store.dispose()
      throw error
    }
  }

  async #allocate(): Promise<void> {
    const { homes, slotRows, spec, pagePositions } = this.#options
    for (const layerHomes of homes) {
      const units: CacheUnit[] = []
      this.#units.push(units)
      for (const home of layerHomes) {
        // Listed first, so that what it holds is freed where a later step of its allocation fails.
        const unit: CacheUnit = { home }
        units.push(unit)
        await this.#allocateUnit(unit)
      }
    }
    if (slotRows === 0) return
    const slots = Array.from({ length: cacheSlotCount }, () => this.#buffers.allocateCache(spec, slotRows))
    this.#slots = new SlotPool(slots)
    if (!homes.some((layer) => layer.includes('disk'))) return
    const staging = this.#buffers.allocateHost(pageBufferBytes(spec, pagePositions))
    const pageBytes = cachePageBytes(spec, pagePositions)
    this.#pages = new SlotPool(
      Array.from({ length: pageBufferCount }, (_, i) => ({
        span: spanOf(staging, i * alignedBytes(pageBytes), pageBytes),
        positions: pagePositions,
      })),
    )
  }

  async #allocateUnit(unit: CacheUnit): Promise<void> {
    const { backend, ram, disk, spec, pagePositions } = this.#options
    if (unit.home === 'device') unit.resident = backend.allocateCache(spec, 1)
    else if (unit.home === 'ram') {
      unit.region = await ram.allocate(cachePageBytes(spec, spec.maxPositions))
      const page = { span: spanOf(ram.view!(unit.region)), positions: spec.maxPositions }
      if (backend.viewCache !== undefined) unit.resident = backend.viewCache([page], spec)
    } else {
      const pageBytes = cachePageBytes(spec, pagePositions)
      const fullPages = Math.floor(spec.maxPositions / pagePositions)
      unit.tail = await ram.allocate(pageBytes)
      if (fullPages > 0) unit.region = await disk.allocate(fullPages * pageBytes)
    }
    if (unit.resident !== undefined) unit.row = { cache: unit.resident, row: 0 }
  }

  /** Gathers the rows of a batch of one cache layer, as they are before this sweep's tokens. */
  load(cacheLayer: number, rows: readonly LiveRow[]): LoadedCache {
    const units = rows.map((row) => this.#units[cacheLayer]![row.id]!)
    if (units.every((unit) => unit.row !== undefined))
      return { rows: units.map((unit) => unit.row!), ready: [], slot: undefined }
    const slot = this.#slots.take()
    for (const event of slot.after) this.#options.loadQueue.wait(event)
    let slotRow = 0
    let last: QueueEvent | undefined
    const bound = units.map((unit, i): CacheRow => {
      if (unit.row !== undefined) return unit.row
      const target = { cache: slot.item, row: slotRow++ }
      last = this.#loadRow(unit, target, rows[i]!.cachedPositions) ?? last
      return target
    })
    // Even where nothing is copied (prefill), the run must wait for the slot's last users.
    return { rows: bound, ready: last === undefined ? slot.after : [last], slot }
  }

  #loadRow(unit: CacheUnit, target: CacheRow, cached: number): QueueEvent | undefined {
    const { loadQueue, readQueue, spec, pagePositions } = this.#options
    if (cached === 0) return undefined
    if (unit.stored !== undefined) loadQueue.wait(unit.stored)
    if (unit.home === 'ram') {
      const page = this.#restingPage(unit.region!, spec.maxPositions)
      return loadQueue.copyToCache({ ...target, position: 0, count: cached }, { page, position: 0 })
    }
    const fullPages = Math.floor(cached / pagePositions)
    let last: QueueEvent | undefined
    if (fullPages > 0 && unit.written !== undefined) readQueue.wait(unit.written)
    for (let p = 0; p < fullPages; p++) {
      const { item: page, after } = this.#pages.take()
      for (const event of after) readQueue.wait(event)
      loadQueue.wait(readQueue.read(page.span, unit.region!, p * page.span.byteLength))
      const range = { ...target, position: p * pagePositions, count: pagePositions }
      last = loadQueue.copyToCache(range, { page, position: 0 })
      this.#pages.release(page, last)
    }
    const position = fullPages * pagePositions
    if (position === cached) return last
    const page = this.#restingPage(unit.tail!, pagePositions)
    return loadQueue.copyToCache({ ...target, position, count: cached - position }, { page, position: 0 })
  }

  /** Stores the new positions of a batch's streamed rows after `computed`, and gives the slot back. */
  store(cacheLayer: number, rows: readonly LiveRow[], loaded: LoadedCache, computed: QueueEvent): void {
    if (loaded.slot === undefined) return
    const { storeQueue, spec } = this.#options
    storeQueue.wait(computed)
    let last = computed
    rows.forEach((live, i) => {
      const unit = this.#units[cacheLayer]![live.id]!
      if (unit.row !== undefined) return
      const source = loaded.rows[i]!
      if (unit.home === 'ram') {
        const page = this.#restingPage(unit.region!, spec.maxPositions)
        const range = { ...source, position: live.cachedPositions, count: live.newTokens }
        unit.stored = storeQueue.copyFromCache({ page, position: live.cachedPositions }, range)
      } else unit.stored = this.#storePages(unit, source, live)
      last = unit.stored
    })
    this.#lastStored = last
    this.#slots.release(loaded.slot.item, last)
  }

  /** A page that comes whole goes to disk through a page buffer; one that fills bit by bit is the tail until then. */
  #storePages(unit: CacheUnit, source: CacheRow, live: LiveRow): QueueEvent {
    const { storeQueue, writeQueue, pagePositions } = this.#options
    const end = live.cachedPositions + live.newTokens
    let last: QueueEvent | undefined
    for (let position = live.cachedPositions; position < end;) {
      const pageIndex = Math.floor(position / pagePositions)
      const pageStart = pageIndex * pagePositions
      const count = Math.min(end, pageStart + pagePositions) - position
      const buffer = count === pagePositions ? this.#pages.take() : undefined
      const page = buffer?.item ?? this.#restingPage(unit.tail!, pagePositions)
      if (buffer !== undefined) for (const event of buffer.after) storeQueue.wait(event)
      else if (unit.tailWritten !== undefined) storeQueue.wait(unit.tailWritten)
      last = storeQueue.copyFromCache({ page, position: position - pageStart }, { ...source, position, count })
      position += count
      if (position < pageStart + pagePositions) break
      writeQueue.wait(last)
      unit.written = writeQueue.write(unit.region!, pageIndex * page.span.byteLength, page.span)
      this.#lastWritten = unit.written
      if (buffer !== undefined) this.#pages.release(buffer.item, unit.written)
      else unit.tailWritten = unit.written
    }
    return last!
  }

  #restingPage(region: Region, positions: number): CachePage {
    return { span: spanOf(this.#options.ram.view!(region)), positions }
  }

  /** Frees the KV of a finished sequence; no run may use it any more. */
  release(sequence: number): void {
    for (const units of this.#units) {
      const unit = units[sequence]
      units[sequence] = undefined
      if (unit !== undefined) this.#free(unit)
    }
  }

  #free(unit: CacheUnit): void {
    const { backend, ram, disk } = this.#options
    const after = [unit.stored, unit.written].filter((event) => event !== undefined)
    if (unit.resident !== undefined) backend.free(unit.resident, ...after)
    if (unit.tail !== undefined) ram.free(unit.tail, ...after)
    if (unit.region !== undefined) (unit.home === 'disk' ? disk : ram).free(unit.region, ...after)
  }

  /** Settles once all that was stored has arrived; rejects where it has not, also where nobody reads it again. */
  async flush(): Promise<void> {
    // Both queues keep their order and stay failed, so the last event speaks for all.
    await this.#lastStored?.whenDone()
    await this.#lastWritten?.whenDone()
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    for (const units of this.#units.splice(0)) for (const unit of units) if (unit !== undefined) this.#free(unit)
    this.#buffers.free()
  }
}
