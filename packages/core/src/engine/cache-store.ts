import {
  type Backend,
  type CacheBuffer,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type HostBuffer,
  type Queue,
  type QueueEvent,
  type Region,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import type { LiveRow } from '../schedule/sweep.ts'
import { type Slot, SlotPool } from './slot-pool.ts'
import { alignedBytes, StagingRing } from './staging-ring.ts'

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

interface CacheUnit {
  readonly home: RowHome
  /** The row itself, where attention reads it in place. */
  readonly row: CacheRow | undefined
  readonly resident: CacheBuffer | undefined
  /** RAM home: the whole row. Disk home: its pages. */
  readonly region: Region | undefined
  /** Disk home: the page that is not full yet. */
  readonly tail: Region | undefined
  /** End of the last store; a load waits for it. */
  stored: QueueEvent | undefined
  /** End of the last write of a page; the tail may not change before it. */
  written: QueueEvent | undefined
}

/** The rows of one layer and batch, loaded. */
export interface LoadedCache {
  readonly rows: readonly CacheRow[]
  readonly ready: readonly QueueEvent[]
  readonly slot: Slot<CacheBuffer> | undefined
}

/**
 * The KV cache of a block. The unit is (layer, sequence): an attended sequence is whole in one place. Rows that
 * kernels can read where they rest are bound there; the others are gathered in a slot for the run, and their new
 * positions are stored back. On disk only full pages are written; the tail page stays in RAM.
 */
export class CacheStore {
  readonly #options: CacheStoreOptions
  readonly #units: CacheUnit[][] = []
  readonly #slots: CacheBuffer[] = []
  #pool: SlotPool<CacheBuffer>
  #staging: HostBuffer | undefined
  #ring: StagingRing<HostBuffer> | undefined

  private constructor(options: CacheStoreOptions) {
    this.#options = options
    this.#pool = new SlotPool<CacheBuffer>([])
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
    const { backend, homes, slotRows, spec } = this.#options
    for (const layerHomes of homes) {
      const units: CacheUnit[] = []
      this.#units.push(units)
      for (const home of layerHomes) units.push(await this.#allocateUnit(home))
    }
    if (slotRows === 0) return
    for (let i = 0; i < 2; i++) this.#slots.push(backend.allocateCache(spec, slotRows))
    this.#pool = new SlotPool(this.#slots)
    if (homes.some((layer) => layer.includes('disk'))) {
      this.#staging = backend.allocateHost(cacheStagingBytes(spec, this.#options.pagePositions))
      this.#ring = new StagingRing(this.#staging)
    }
  }

  async #allocateUnit(home: RowHome): Promise<CacheUnit> {
    const { backend, ram, disk, spec, pagePositions } = this.#options
    const empty = {
      home,
      row: undefined,
      resident: undefined,
      region: undefined,
      tail: undefined,
      stored: undefined,
      written: undefined,
    }
    if (home === 'device') {
      const resident = backend.allocateCache(spec, 1)
      return { ...empty, resident, row: { cache: resident, row: 0 } }
    }
    if (home === 'ram') {
      const region = await ram.allocate(cachePageBytes(spec, spec.maxPositions))
      if (backend.viewCache === undefined) return { ...empty, region }
      const resident = backend.viewCache([{ span: spanOf(ram.view!(region)), positions: spec.maxPositions }], spec)
      return { ...empty, region, resident, row: { cache: resident, row: 0 } }
    }
    const pageBytes = cachePageBytes(spec, pagePositions)
    const tail = await ram.allocate(pageBytes)
    const pages = Math.floor(spec.maxPositions / pagePositions)
    return { ...empty, tail, region: pages === 0 ? undefined : await disk.allocate(pages * pageBytes) }
  }

  /** Gathers the rows of a batch of one cache layer, as they are before this sweep's tokens. */
  async load(cacheLayer: number, rows: readonly LiveRow[]): Promise<LoadedCache> {
    const units = rows.map((row) => this.#units[cacheLayer]![row.id]!)
    if (units.every((unit) => unit.row !== undefined))
      return { rows: units.map((unit) => unit.row!), ready: [], slot: undefined }
    const slot = await this.#pool.acquire()
    const { loadQueue } = this.#options
    for (const event of slot.after) loadQueue.wait(event)
    let next = 0
    let last: QueueEvent | undefined
    const bound: CacheRow[] = []
    for (const [i, unit] of units.entries()) {
      if (unit.row !== undefined) bound.push(unit.row)
      else {
        const target = { cache: slot.item, row: next++ }
        bound.push(target)
        last = (await this.#loadRow(unit, target, rows[i]!.cachedPositions)) ?? last
      }
    }
    // Even where nothing is copied (prefill), the run must wait for the slot's last users.
    return { rows: bound, ready: last === undefined ? slot.after : [last], slot }
  }

  async #loadRow(unit: CacheUnit, target: CacheRow, cached: number): Promise<QueueEvent | undefined> {
    const { loadQueue, readQueue, ram, spec, pagePositions } = this.#options
    if (cached === 0) return undefined
    if (unit.stored !== undefined) loadQueue.wait(unit.stored)
    if (unit.home === 'ram') {
      const page = { span: spanOf(ram.view!(unit.region!)), positions: spec.maxPositions }
      return loadQueue.copyToCache({ ...target, position: 0, count: cached }, { page, position: 0 })
    }
    const fullPages = Math.floor(cached / pagePositions)
    const pageBytes = cachePageBytes(spec, pagePositions)
    let last: QueueEvent | undefined
    if (fullPages > 0 && unit.written !== undefined) readQueue.wait(unit.written)
    for (let p = 0; p < fullPages; p++) {
      const piece = await this.#ring!.acquire(pageBytes)
      for (const event of piece.after) readQueue.wait(event)
      loadQueue.wait(readQueue.read(piece.span, unit.region!, p * pageBytes))
      const page: CachePage = { span: piece.span, positions: pagePositions }
      last = loadQueue.copyToCache(
        { ...target, position: p * pagePositions, count: pagePositions },
        { page, position: 0 },
      )
      this.#ring!.release(piece.span, last)
    }
    const rest = cached - fullPages * pagePositions
    if (rest > 0) {
      const page = { span: spanOf(ram.view!(unit.tail!)), positions: pagePositions }
      last = loadQueue.copyToCache({ ...target, position: cached - rest, count: rest }, { page, position: 0 })
    }
    return last
  }

  /** Stores the new positions of a batch's streamed rows after `computed`, and gives the slot back. */
  async store(cacheLayer: number, rows: readonly LiveRow[], loaded: LoadedCache, computed: QueueEvent): Promise<void> {
    if (loaded.slot === undefined) return
    const { storeQueue, ram, spec } = this.#options
    storeQueue.wait(computed)
    let last: QueueEvent = computed
    for (const [i, live] of rows.entries()) {
      const unit = this.#units[cacheLayer]![live.id]!
      if (unit.row !== undefined) continue
      const source = loaded.rows[i]!
      if (unit.home === 'ram') {
        const page = { span: spanOf(ram.view!(unit.region!)), positions: spec.maxPositions }
        const range = { ...source, position: live.cachedPositions, count: live.newTokens }
        unit.stored = storeQueue.copyFromCache({ page, position: live.cachedPositions }, range)
      } else unit.stored = await this.#storePages(unit, source, live)
      last = unit.stored
    }
    this.#pool.release(loaded.slot.item, last)
  }

  async #storePages(unit: CacheUnit, source: CacheRow, live: LiveRow): Promise<QueueEvent> {
    const { storeQueue, writeQueue, ram, spec, pagePositions } = this.#options
    const pageBytes = cachePageBytes(spec, pagePositions)
    const end = live.cachedPositions + live.newTokens
    let last: QueueEvent | undefined
    for (let position = live.cachedPositions; position < end;) {
      const pageIndex = Math.floor(position / pagePositions)
      const pageStart = pageIndex * pagePositions
      const count = Math.min(end, pageStart + pagePositions) - position
      if (unit.written !== undefined) storeQueue.wait(unit.written)
      const tail = spanOf(ram.view!(unit.tail!))
      const page = { span: tail, positions: pagePositions }
      last = storeQueue.copyFromCache({ page, position: position - pageStart }, { ...source, position, count })
      if (position + count === pageStart + pagePositions) {
        writeQueue.wait(last)
        unit.written = writeQueue.write(unit.region!, pageIndex * pageBytes, tail)
      }
      position += count
    }
    return last!
  }

  /** Frees the KV of a finished sequence; no run may use it any more. */
  release(sequence: number): void {
    for (const units of this.#units) {
      const unit = units[sequence]
      if (unit !== undefined) this.#free(unit)
      units[sequence] = freed
    }
  }

  #free(unit: CacheUnit): void {
    const { backend, ram, disk } = this.#options
    const after = [unit.stored, unit.written].filter((event) => event !== undefined)
    if (unit.resident !== undefined) backend.free(unit.resident, ...after)
    if (unit.tail !== undefined) ram.free(unit.tail, ...after)
    if (unit.region !== undefined) (unit.home === 'disk' ? disk : ram).free(unit.region, ...after)
  }

  /** Whoever waits for a slot gets the error. */
  fail(error: unknown): void {
    this.#pool.fail(error)
    this.#ring?.fail(error)
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    for (const units of this.#units.splice(0)) for (const unit of units) this.#free(unit)
    for (const slot of this.#slots.splice(0)) this.#options.backend.free(slot)
    if (this.#staging !== undefined) this.#options.backend.free(this.#staging)
    this.#staging = undefined
  }
}

const freed: CacheUnit = {
  home: 'ram',
  row: undefined,
  resident: undefined,
  region: undefined,
  tail: undefined,
  stored: undefined,
  written: undefined,
}

/** Bytes of the ring that KV pages from disk pass through: eight pages. */
export function cacheStagingBytes(spec: CacheSpec, pagePositions: number): number {
  return 8 * alignedBytes(cachePageBytes(spec, pagePositions))
}
