import { cachePageBytes, type CacheRow, type QueueEvent } from '@flexgen/spec'
import { cutBatches, type LiveRow } from '../schedule/sweep.ts'
import { type AttentionPlace, CacheLane, cacheSlotCount, type LaneLoad } from './cache-lane.ts'
import { type CacheHome, type CacheUnit, CacheUnits, type CacheUnitsOptions } from './cache-units.ts'
import { HeldBuffers } from './held-buffers.ts'
import { queueRowCopies } from './queue-row-copies.ts'

/** What the KV of a block is kept with. */
export interface CacheStoreOptions extends CacheUnitsOptions {
  /** By cache layer and sequence. */
  readonly homes: readonly (readonly CacheHome[])[]
  /** Rows that one run may bind, and that a device with memory of its own wants side by side. */
  readonly rowsSideBySide: number
  /** Whether units may move to the disk later, where none is at home there now. */
  readonly mayMoveToDisk: boolean
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

/**
 * The KV cache of a block. The unit is (layer, sequence): an attended sequence is whole in one place. Rows that
 * kernels can read where they rest are bound there; the others are gathered in a slot for the run, and their new
 * positions are stored back. On disk only full pages are written; the tail page stays in RAM.
 */
export class CacheStore {
  /** How units are made, moved and freed. */
  readonly units: CacheUnits
  readonly #options: CacheStoreOptions
  readonly #grid: (CacheUnit | undefined)[][] = []
  #changes = 0
  readonly #buffers: HeldBuffers
  #lanes!: { readonly device: CacheLane; host: CacheLane | undefined }
  readonly #lastStored = new Map<AttentionPlace, QueueEvent>()

  private constructor(options: CacheStoreOptions) {
    this.#options = options
    this.units = new CacheUnits(options)
    this.#buffers = new HeldBuffers(options.device.backend)
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
    const { device, host, homes, spec, mayMoveToDisk } = this.#options
    for (const layerHomes of homes) {
      const units: (CacheUnit | undefined)[] = layerHomes.map(() => undefined)
      this.#grid.push(units)
      this.#allocateDeviceRows(layerHomes, units)
      for (const [i, home] of layerHomes.entries()) {
        if (home.home === 'device') continue
        // Listed first, so that what it holds is freed where a later step of its allocation fails.
        const unit: CacheUnit = { ...home, inPlace: {} }
        units[i] = unit
        await this.units.allocate(unit)
      }
    }
    this.#lanes = {
      device: new CacheLane(device, spec),
      host: undefined,
    }
    if (host !== undefined) this.#lanes.host = new CacheLane(host, spec)
    const usesDisk = mayMoveToDisk || homes.some((layer) => layer.some(({ home }) => home === 'disk'))
    if (usesDisk) this.units.allocatePageBuffers(this.#buffers)
    if (mayMoveToDisk) await this.units.reserveTail()
  }

  /**
   * The rows that live on the device. Kernels of a device with memory of its own want those of a run side by side.
   * Elsewhere a row of its own gives its memory back as soon as its sequence ends.
   */
  #allocateDeviceRows(homes: readonly CacheHome[], units: (CacheUnit | undefined)[]): void {
    const { device, rowsSideBySide } = this.#options
    const places = [...homes.keys()]
    for (const run of cutBatches(places, device.backend.device.hostVisible ? 1 : rowsSideBySide)) {
      const resident = run.filter((i) => homes[i]!.home === 'device')
      if (resident.length === 0) continue
      const made = this.units.allocateSideBySide(resident.length)
      resident.forEach((i, row) => void (units[i] = made[row]!))
    }
  }

  /** The KV of a sequence in a layer; undefined once it was released. */
  unitAt(cacheLayer: number, sequence: number): CacheUnit | undefined {
    return this.#grid[cacheLayer]?.[sequence]
  }

  /** Bytes that slots of so many rows take of the device beyond what they take now. */
  slotGrowthBytes(slotRows: number): number {
    const { spec } = this.#options
    const rows = Math.max(0, slotRows - this.#lanes.device.slotRows)
    return cacheSlotCount * rows * cachePageBytes(spec, spec.maxPositions)
  }

  /** Rows of the layer that has most of those that the device reads in a slot. */
  get slotRowsNeeded(): number {
    const isStreamed = (unit: CacheUnit | undefined): boolean =>
      unit?.attends === 'device' && unit.inPlace.device === undefined
    return this.#grid.reduce((most, units) => Math.max(most, units.filter(isStreamed).length), 0)
  }

  /** Makes the slots of what streams to the device larger; between two sweeps only. @throws {FlexgenError} then they stay */
  growSlots(slotRows: number): void {
    this.#lanes.device.grow(slotRows)
  }

  /** Whether all KV of some sequences is read by the device where it lies. */
  isAtHand(rows: readonly LiveRow[]): boolean {
    return this.#grid.every((units) =>
      rows.every(({ id }) => {
        const unit = units[id]
        return unit?.attends === 'device' && unit.inPlace.device !== undefined
      }),
    )
  }

  /** Cache layers. */
  get layers(): number {
    return this.#grid.length
  }

  /** Grows whenever a unit has another home or place of attention, or is gone. */
  get changes(): number {
    return this.#changes
  }

  /** Has a unit in RAM attended elsewhere from the next sweep on; nothing moves. */
  attendAt(unit: CacheUnit, place: AttentionPlace): void {
    this.units.attendAt(unit, place)
    this.#changes += 1
  }

  /** Puts a unit in the place of another, which is freed once the given events have ended. */
  replace(cacheLayer: number, sequence: number, unit: CacheUnit, after: readonly QueueEvent[]): void {
    const before = this.#grid[cacheLayer]![sequence]!
    this.#grid[cacheLayer]![sequence] = unit
    this.#changes += 1
    this.units.free(before, ...after)
  }

  /** Where a sequence is attended in a sweep: a device with memory of its own attends the prompt, which is much work. */
  #placeOf(unit: CacheUnit, live: LiveRow): AttentionPlace {
    const isPrompt = live.cachedPositions === 0 && !this.#options.device.backend.device.hostVisible
    return isPrompt ? 'device' : unit.attends
  }

  /** Gathers the rows of a batch of one cache layer, as they are before this sweep's tokens. */
  load(cacheLayer: number, rows: readonly LiveRow[]): LoadedCache {
    const loading = { device: this.#lanes.device.begin(), host: this.#lanes.host?.begin() }
    const fromDisk: (() => void)[] = []
    const loaded = rows.map((live): LoadedRow => {
      const unit = this.#grid[cacheLayer]![live.id]!
      let place = this.#placeOf(unit, live)
      // A prompt whose KV lives in RAM is attended there where the device has no slot left for it.
      const isFull = unit.inPlace[place] === undefined && loading[place]!.rowCount >= this.#lanes[place]!.slotRows
      if (isFull && unit.inPlace.host !== undefined) place = 'host'
      const lane = loading[place]!
      const inPlace = unit.inPlace[place]
      if (inPlace !== undefined) {
        lane.waitFor(unit.stored)
        return { row: inPlace, place, isStreamed: false }
      }
      const row = lane.nextRow()
      const { cachedPositions } = live
      if (cachedPositions > 0 && unit.home === 'ram')
        lane.add({ ...this.units.copyOf(unit, row, 0, cachedPositions), mayCopyRest: true }, unit.stored)
      else if (cachedPositions > 0)
        fromDisk.push(() => lane.copied(this.units.loadRow(unit, row, cachedPositions, this.#lanes[place]!)))
      return { row, place, isStreamed: true }
    })
    // What rests in RAM first: it need not wait for pages that are read.
    for (const lane of [loading.device, loading.host]) lane?.queueRows()
    for (const load of fromDisk) load()
    const nothing: LaneLoad = { ready: [], slot: undefined, copied: undefined }
    return { rows: loaded, lanes: { device: loading.device.end(), host: loading.host?.end() ?? nothing } }
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
      const streamed = rows.flatMap((live, i) => {
        const { row, isStreamed, place: own } = loaded[i]!
        return isStreamed && own === place ? [{ live, row, unit: this.#grid[cacheLayer]![live.id]! }] : []
      })
      const toRam = streamed.filter(({ unit }) => unit.home === 'ram')
      const copies = toRam.map(({ live, row, unit }) =>
        this.units.copyOf(unit, row, live.cachedPositions, live.newTokens),
      )
      let last = queueRowCopies(lane.storeQueue, 'fromCache', copies)
      for (const { unit } of toRam) unit.stored = last!
      for (const { live, row, unit } of streamed)
        if (unit.home !== 'ram') last = this.units.store(unit, row, live, lane)
      if (last !== undefined) this.#lastStored.set(place, last)
      lane.release(lanes[place], last ?? computed)
    }
  }

  /** Frees the KV of a finished sequence; no run may use it any more. */
  release(sequence: number): void {
    this.#changes += 1
    for (const units of this.#grid) {
      const unit = units[sequence]
      units[sequence] = undefined
      if (unit !== undefined) this.units.free(unit)
    }
  }

  /** Settles once all that was stored has arrived; rejects where it has not, also where nobody reads it again. */
  async flush(): Promise<void> {
    // The queues keep their order and stay failed, so the last event speaks for all.
    for (const stored of this.#lastStored.values()) await stored.whenDone()
    await this.units.flush()
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    for (const units of this.#grid.splice(0)) {
      for (const unit of units) if (unit !== undefined) this.units.free(unit)
    }
    this.units.freeReserve()
    this.#lanes?.device.free()
    this.#lanes?.host?.free()
    this.#buffers.free()
  }
}
