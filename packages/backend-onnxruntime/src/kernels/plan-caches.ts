import { type CacheRow, type LayerGraph, UsageError } from '@flexgen/spec'

/** A cache as it is bound for a run. */
export interface PlannedCache<Row> {
  readonly maxPositions: number
  /** A row of the cache for each row of the batch. */
  readonly rows: readonly Row[]
}

/** Rows by the name of their cache. */
export type BoundRows = ReadonlyMap<string, readonly CacheRow[]>

/**
 * Checks the rows that are bound for the caches of a graph.
 * @throws {FlexgenError} `USAGE`
 */
export function planCaches<Row>(
  graph: LayerGraph,
  bound: BoundRows,
  batch: number,
  lendRow: (row: CacheRow) => Row,
): Map<string, PlannedCache<Row>> {
  for (const name of bound.keys()) {
    if (!graph.caches.some((cache) => cache.name === name)) throw new UsageError(`${graph.name} has no cache ${name}`)
  }
  return new Map(
    graph.caches.map(({ name, kvHeads, headDim }) => {
      const fail = (what: string): never => {
        throw new UsageError(`${graph.name}: cache ${name} ${what}`)
      }
      const rows = bound.get(name) ?? fail('is not bound')
      if (rows.length !== batch) fail(`has ${rows.length} rows for a batch of ${batch}`)
      const { maxPositions } = rows[0]!.cache.spec
      const seen = new Map<object, Set<number>>()
      for (const { cache, row } of rows) {
        const { spec } = cache
        if (spec.kvHeads !== kvHeads || spec.headDim !== headDim)
          fail(`has ${spec.kvHeads} heads of ${spec.headDim}, not ${kvHeads} of ${headDim}`)
        if (spec.maxPositions !== maxPositions) fail('has rows with room for different numbers of positions')
        const taken = seen.get(cache) ?? new Set()
        if (taken.has(row)) fail(`has row ${row} twice`)
        seen.set(cache, taken.add(row))
      }
      return [name, { rows: rows.map(lendRow), maxPositions }]
    }),
  )
}
