import type { CacheMoves, MovingRow } from '../engine/cache-moves.ts'
import type { CacheStore } from '../engine/cache-store.ts'
import type { CacheUnit } from '../engine/cache-units.ts'

/** A unit of KV that may move. */
export interface MovableUnit {
  readonly cacheLayer: number
  readonly row: MovingRow
  readonly unit: CacheUnit
}

/** Where a unit is, as far as moves go: on the device, in RAM and attended there, in RAM and streamed, or on disk. */
export type RowClass = 'device' | 'host' | 'streamed' | 'disk'

/** Units of sequences that live, by class. */
export type RowCount = Readonly<Record<RowClass, number>>

/** The class of a unit. */
export function classOf({ home, attends }: Pick<CacheUnit, 'home' | 'attends'>): RowClass {
  if (home === 'ram') return attends === 'host' ? 'host' : 'streamed'
  return home
}

const nowhere: RowCount = { device: 0, host: 0, streamed: 0, disk: 0 }

/** Counts units by class, anew only where something has changed: there are thousands. */
export class RowCounter {
  #last: { readonly store: CacheStore; readonly key: string; readonly count: RowCount } | undefined

  count(store: CacheStore | undefined, rows: readonly MovingRow[]): RowCount {
    if (store === undefined) return nowhere
    const key = `${store.changes} ${rows.map(({ id }) => id).join()}`
    if (this.#last?.store !== store || this.#last.key !== key) {
      this.#last = { store, key, count: countRows(store, rows) }
    }
    return this.#last.count
  }
}

function countRows(store: CacheStore, rows: readonly MovingRow[]): RowCount {
  const count = { device: 0, host: 0, streamed: 0, disk: 0 }
  for (let layer = 0; layer < store.layers; layer++) {
    for (const { id } of rows) {
      const unit = store.unitAt(layer, id)
      if (unit !== undefined) count[classOf(unit)] += 1
    }
  }
  return count
}

/** What is chosen from where. */
export interface RowWish {
  readonly from: readonly RowClass[]
  readonly count: number
  /** Whether those at the end of their batch come first, else those at its front. */
  readonly fromEnd: boolean
  readonly gpuBatchSize: number
}

/**
 * Units of some classes, taken layer by layer in turn, so that no layer is ahead of another by more than one. Batches are
 * kept in the order device, streamed, host: so those that are attended in one place stay neighbours, and are one run.
 */
export function chooseRows(
  store: CacheStore,
  moves: CacheMoves,
  rows: readonly MovingRow[],
  { from, count, fromEnd, gpuBatchSize }: RowWish,
): MovableUnit[] {
  if (count <= 0) return []
  const inBatch = ({ id }: MovingRow): number => id % gpuBatchSize
  const order = rows.toSorted((a, b) => (inBatch(a) - inBatch(b) || a.id - b.id) * (fromEnd ? -1 : 1))
  const byLayer = Array.from({ length: store.layers }, (_, cacheLayer) =>
    order.flatMap((row): MovableUnit[] => {
      const unit = store.unitAt(cacheLayer, row.id)
      const fits = unit !== undefined && from.includes(classOf(unit)) && !moves.isMoving(cacheLayer, row.id)
      return fits ? [{ cacheLayer, row, unit }] : []
    }),
  )
  const chosen: MovableUnit[] = []
  // Layers with most of them first, so that they come to be alike.
  for (let most = Math.max(0, ...byLayer.map(({ length }) => length)); most > 0; most--) {
    for (const own of byLayer) {
      if (chosen.length === count) return chosen
      if (own.length >= most) chosen.push(own.shift()!)
    }
  }
  return chosen
}
