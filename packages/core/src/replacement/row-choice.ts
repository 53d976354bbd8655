import type { CacheMoves, MovingRow } from '../engine/cache-moves.ts'
import type { CacheStore } from '../engine/cache-store.ts'

/** A unit of KV that may move. */
export interface MovableUnit {
  readonly cacheLayer: number
  readonly row: MovingRow
}

/** What KV there is, of sequences that live. */
export interface CacheCount {
  readonly deviceRows: number
  readonly awayRows: number
}

/** Counts units by whether they are on the device; those on disk count for nothing that may move. */
export function countRows(store: CacheStore, rows: readonly MovingRow[]): CacheCount {
  let deviceRows = 0
  let awayRows = 0
  for (let layer = 0; layer < store.layers; layer++) {
    for (const { id } of rows) {
      const home = store.unitAt(layer, id)?.home
      if (home === 'device') deviceRows += 1
      else if (home === 'ram') awayRows += 1
    }
  }
  return { deviceRows, awayRows }
}

/**
 * Units that move in one direction, taken layer by layer in turn, so that no layer is ahead of another by more than one.
 * Within a layer rows leave the device from the end of their batch and come to it from the front: so those that are
 * attended in one place stay neighbours, and are one run.
 */
export function chooseRows(
  store: CacheStore,
  moves: CacheMoves,
  rows: readonly MovingRow[],
  {
    from,
    count,
    gpuBatchSize,
  }: { readonly from: 'device' | 'ram'; readonly count: number; readonly gpuBatchSize: number },
): MovableUnit[] {
  const inBatch = ({ id }: MovingRow): number => id % gpuBatchSize
  const order = rows.toSorted((a, b) => (inBatch(a) - inBatch(b) || a.id - b.id) * (from === 'device' ? -1 : 1))
  const byLayer = Array.from({ length: store.layers }, (_, cacheLayer) =>
    order.filter(({ id }) => store.unitAt(cacheLayer, id)?.home === from && !moves.isMoving(cacheLayer, id)),
  )
  const chosen: MovableUnit[] = []
  // Layers with most of them first, so that they come to be alike.
  for (let most = Math.max(0, ...byLayer.map(({ length }) => length)); most > 0; most--) {
    for (const [cacheLayer, own] of byLayer.entries()) {
      if (chosen.length === count) return chosen
      if (own.length >= most) chosen.push({ cacheLayer, row: own.shift()! })
    }
  }
  return chosen
}
