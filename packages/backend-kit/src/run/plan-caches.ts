import { type CacheRow, type CacheSpec, type LayerGraph, UsageError } from '@flexgen/spec'

/** Cache rows of a run, one for each row of the batch. */
export interface PlannedCache<Row> {
  readonly rows: readonly Row[]
  /** What all rows are. */
  readonly spec: CacheSpec
}

/**
 * Checks the rows that are bound for the caches of a graph, by the names of the caches.
 * @param lendRow checks a row by itself and gives what runs need of it
 * @throws {FlexgenError} `USAGE`
 */
export function planCaches<Row>(
  graph: LayerGraph,
  bound: ReadonlyMap<string, readonly CacheRow[]>,
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
      const first = rows[0]!.cache.spec
      const seen = new Map<object, Set<number> | number>()
      for (const { cache, row } of rows) {
        const { spec } = cache
        if (spec.kvHeads !== kvHeads || spec.headDim !== headDim)
          fail(`has ${spec.kvHeads} heads of ${spec.headDim}, not ${kvHeads} of ${headDim}`)
        if (spec.maxPositions !== first.maxPositions) fail('has rows with room for different numbers of positions')
        if (spec.dtype !== first.dtype) fail(`has rows of ${first.dtype} and of ${spec.dtype}`)
        const taken = seen.get(cache)
        if (taken === row || (typeof taken === 'object' && taken.has(row))) fail(`has row ${row} twice`)
        // Rows are mostly caches of their own, which need no set.
        if (taken === undefined) seen.set(cache, row)
        else if (typeof taken === 'number') seen.set(cache, new Set([taken, row]))
        else taken.add(row)
      }
      return [name, { rows: rows.map((row) => lendRow(row)), spec: first }]
    }),
  )
}
