import { type CacheSpec, type LayerGraph, UsageError } from '@flexgen/spec'
import type { CacheTable } from '../memory/cache-table.ts'
import type { LentBytes } from '../memory/memory-table.ts'
import type { RunBinding } from '../binding/run-binding.ts'

/** Cache rows of a run, one for each row of the batch. */
export interface PlannedCache {
  readonly rows: readonly LentBytes[]
  /** What all rows are. */
  readonly spec: CacheSpec
}

/**
 * Checks the rows that are bound for the caches of a graph.
 * @throws {FlexgenError} `USAGE`
 */
export function planCaches(
  graph: LayerGraph,
  binding: RunBinding,
  batch: number,
  caches: CacheTable,
): Map<string, PlannedCache> {
  for (const name of binding.caches.keys()) {
    if (!graph.caches.some((cache) => cache.name === name)) throw new UsageError(`${graph.name} has no cache ${name}`)
  }
  return new Map(
    graph.caches.map(({ name, kvHeads, headDim }) => {
      const fail = (what: string): never => {
        throw new UsageError(`${graph.name}: cache ${name} ${what}`)
      }
      const rows = binding.caches.get(name) ?? fail('is not bound')
      if (rows.length !== batch) fail(`has ${rows.length} rows for a batch of ${batch}`)
      const first = rows[0]!.cache.spec
      for (const [index, { cache, row }] of rows.entries()) {
        const { spec } = cache
        if (spec.kvHeads !== kvHeads || spec.headDim !== headDim)
          fail(`has ${spec.kvHeads} heads of ${spec.headDim}, not ${kvHeads} of ${headDim}`)
        if (spec.maxPositions !== first.maxPositions) fail('has rows with room for different numbers of positions')
        if (spec.dtype !== first.dtype) fail(`has rows of ${first.dtype} and of ${spec.dtype}`)
        if (rows.findIndex((other) => other.cache === cache && other.row === row) < index) fail(`has row ${row} twice`)
      }
      return [name, { rows: rows.map((row) => caches.lendRow(row)), spec: first }]
    }),
  )
}
