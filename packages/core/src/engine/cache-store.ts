import {
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type QueueEvent,
  type Region,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import { cutBatches, type LiveRow } from '../schedule/sweep.ts'
import { type AttentionPlace, CacheLane, type CacheLaneOptions, type LaneLoad } from './cache-lane.ts'
import { HeldBuffers } from './held-buffers.ts'
import { freeRow, type HeldRow, holdRows } from './held-rows.ts'
import { SlotPool } from './slot-pool.ts'
import { alignedBytes } from './staging-ring.ts'

/** Where the KV of one sequence in one layer rests, and where it is attended in decode. */
export interface CacheHome {
  readonly home: RowHome
  readonly attends: AttentionPlace
}

/** What the KV of a block is kept with. */
export interface CacheStoreOptions {
  readonly device: CacheLaneOptions
  /** Absent where the device alone attends. */
  readonly host: CacheLaneOptions | undefined
  readonly ram: Tier
  readonly disk: Tier
  readonly spec: CacheSpec
  readonly pagePositions: number
  /** By cache layer and sequence. */
  readonly homes: readonly (readonly CacheHome[])[]
  /** Rows that one run may bind, and that a device with memory of its own wants side by side. */
  readonly rowsSideBySide: number
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
}

/** KV of one sequence in one layer; what is absent was not allocated yet, or is not needed at its home. */
interface CacheUnit {
  readonly home: RowHome
  readonly attends: AttentionPlace
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
}

/** A row of a batch, loaded. */
export interface LoadedRow {
  readonly row: CacheRow
  readonly place: AttentionPlace
  /** Whether it lies in a slot and must be stored back. */
  readonly isStreamed: boolean
}

/** The rows of one layer and batch, loaded. */
export interface LoadedCache {
  readonly rows: readonly LoadedRow[]
  readonly lanes: Readonly<Record<AttentionPlace, LaneLoad>>
}

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
  readonly #hostBuffers: HeldBuffers | undefined
  #lanes!: { readonly device: CacheLane; readonly host: CacheLane | undefined }
  #pages = new SlotPool<CachePage>([])
  readonly #lastStored = new Map<AttentionPlace, QueueEvent>()
  #lastWritten: QueueEvent | undefined

  private constructor(options: CacheStoreOptions) {
    this.#options = options
    this.#buffers = new HeldBuffers(options.device.backend)
    if (options.host !== undefined) this.#hostBuffers = new HeldBuffers(options.host.backend)
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
    const { device, host, homes, spec, pagePositions } = this.#options
    for (const layerHomes of homes) {
      const units: (CacheUnit | undefined)[] = layerHomes.map(() => undefined)
      this.#units.push(units)
      this.#allocateDeviceRows(layerHomes, units)
      for (const [i, home] of layerHomes.entries()) {
        if (home.home === 'device') continue
        // Listed first, so that what it holds is freed where a later step of its allocation fails.
        const unit: CacheUnit = { ...home, inPlace: {} }
        units[i] = unit
        await this.#allocateUnit(unit)
      }
    }
    this.#lanes = {
      device: new CacheLane(device, spec, this.#buffers),
      host: host === undefined ? undefined : new CacheLane(host, spec, this.#hostBuffers!),
    }
    if (!homes.some((layer) => layer.some(({ home }) => home === 'disk'))) return
    const staging = this.#buffers.allocateHost(pageBufferBytes(spec, pagePositions))
    const pageBytes = cachePageBytes(spec, pagePositions)
    this.#pages = new SlotPool(
      Array.from({ length: pageBufferCount }, (_, i) => ({
        span: spanOf(staging, i * alignedBytes(pageBytes), pageBytes),
        positions: pagePositions,
      })),
    )
  }

  /**
   * The rows that live on the device. Kernels of a device with memory of its own want those of a run side by side.
   * Elsewhere a row of its own gives its memory back as soon as its sequence ends.
   */
  #allocateDeviceRows(homes: readonly CacheHome[], units: (CacheUnit | undefined)[]): void {
    const { device, rowsSideBySide, spec } = this.#options
    const { backend } = device
    const places = [...homes.keys()]
    for (const run of cutBatches(places, backend.device.hostVisible ? 1 : rowsSideBySide)) {
      const resident = run.filter((i) => homes[i]!.home === 'device')
      if (resident.length === 0) continue
      const rows = holdRows(backend.allocateCache(spec, resident.length))
      resident.forEach((i, row) => void (units[i] = { ...homes[i]!, inPlace: { device: rows[row]! } }))
    }
  }

  async #allocateUnit(unit: CacheUnit): Promise<void> {
    const { device, host, ram, disk, spec, pagePositions } = this.#options
    if (unit.home === 'ram') {
      unit.region = await ram.allocate(cachePageBytes(spec, spec.maxPositions))
      const page = { span: spanOf(ram.view!(unit.region)), positions: spec.maxPositions }
      const attending = unit.attends === 'host' ? host!.backend : device.backend
      if (attending.viewCache !== undefined) {
        unit.inPlace[unit.attends] = holdRows(attending.viewCache([page], spec))[0]!
      }
    } else {
      const pageBytes = cachePageBytes(spec, pagePositions)
      const fullPages = Math.floor(spec.maxPositions / pagePositions)
      unit.tail = await ram.allocate(pageBytes)
      if (fullPages > 0) unit.region = await disk.allocate(fullPages * pageBytes)
    }
  }

  /** Where a sequence is attended in a sweep: a device with memory of its own attends the prompt, which is much work. */
  #placeOf(unit: CacheUnit, live: LiveRow): AttentionPlace {
    const isPrompt = live.cachedPositions === 0 && !this.#options.device.backend.device.hostVisible
    return isPrompt ? 'device' : unit.attends
  }

  /** Gathers the rows of a batch of one cache layer, as they are before this sweep's tokens. */
  load(cacheLayer: number, rows: readonly LiveRow[]): LoadedCache {
    const loading = { device: this.#lanes.device.begin(), host: this.#lanes.host?.begin() }
    const loaded = rows.map((live): LoadedRow => {
      const unit = this.#units[cacheLayer]![live.id]!
      const place = this.#placeOf(unit, live)
      const lane = loading[place]!
      const inPlace = unit.inPlace[place]
      if (inPlace !== undefined) {
        lane.waitFor(unit.stored)
        return { row: inPlace, place, isStreamed: false }
      }
      const row = lane.nextRow()
      lane.copied(this.#loadRow(unit, row, live.cachedPositions, this.#lanes[place]!))
      return { row, place, isStreamed: true }
    })
    const nothing: LaneLoad = { ready: [], slot: undefined }
    return { rows: loaded, lanes: { device: loading.device.end(), host: loading.host?.end() ?? nothing } }
  }

  #loadRow(unit: CacheUnit, target: CacheRow, cached: number, { loadQueue }: CacheLane): QueueEvent | undefined {
    const { readQueue, spec, pagePositions } = this.#options
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

  /**
   * Stores the new positions of a batch's streamed rows, and gives the slots back.
   * @param attended ends of the runs of attention, by place; undefined where no row was attended
   */
  store(
    cacheLayer: number,
    rows: readonly LiveRow[],
    { rows: loaded, lanes }: LoadedCache,
    attended: Readonly<Partial<Record<AttentionPlace, QueueEvent>>>,
  ): void {
    for (const place of ['device', 'host'] as const) {
      const computed = attended[place]
      if (computed === undefined) continue
      const lane = this.#lanes[place]!
      lane.storeQueue.wait(computed)
      let last = computed
      rows.forEach((live, i) => {
        const { row, isStreamed, place: own } = loaded[i]!
        if (!isStreamed || own !== place) return
        const unit = this.#units[cacheLayer]![live.id]!
        unit.stored =
          unit.home === 'ram' ? this.#storeRow(unit, row, live, lane) : this.#storePages(unit, row, live, lane)
        last = unit.stored
        this.#lastStored.set(place, last)
      })
      lane.release(lanes[place], last)
    }
  }

  #storeRow(unit: CacheUnit, source: CacheRow, live: LiveRow, { storeQueue }: CacheLane): QueueEvent {
    const page = this.#restingPage(unit.region!, this.#options.spec.maxPositions)
    const range = { ...source, position: live.cachedPositions, count: live.newTokens }
    return storeQueue.copyFromCache({ page, position: live.cachedPositions }, range)
  }

  /** A page that comes whole goes to disk through a page buffer; one that fills bit by bit is the tail until then. */
  #storePages(unit: CacheUnit, source: CacheRow, live: LiveRow, { storeQueue }: CacheLane): QueueEvent {
    const { writeQueue, pagePositions } = this.#options
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
    const { device, host, ram, disk } = this.#options
    const after = [unit.stored, unit.written].filter((event) => event !== undefined)
    if (unit.inPlace.device !== undefined) freeRow(device.backend, unit.inPlace.device, after)
    if (unit.inPlace.host !== undefined) freeRow(host!.backend, unit.inPlace.host, after)
    if (unit.tail !== undefined) ram.free(unit.tail, ...after)
    if (unit.region !== undefined) (unit.home === 'disk' ? disk : ram).free(unit.region, ...after)
  }

  /** Settles once all that was stored has arrived; rejects where it has not, also where nobody reads it again. */
  async flush(): Promise<void> {
    // The queues keep their order and stay failed, so the last event speaks for all.
    for (const stored of this.#lastStored.values()) await stored.whenDone()
    await this.#lastWritten?.whenDone()
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    for (const units of this.#units.splice(0)) for (const unit of units) if (unit !== undefined) this.#free(unit)
    this.#buffers.free()
    this.#hostBuffers?.free()
  }
}
