import { type DType, type LayerGraph, UsageError } from '@flexgen/spec'
import type { CacheTable } from '../memory/cache-table.ts'
import type { LentBytes } from '../memory/memory-table.ts'
import type { NativeBinding } from './native-binding.ts'

/** A cache as it is bound for a run. */
export interface BoundCache {
  readonly maxPositions: number
  readonly dtype: DType
  /** A row of the cache for each row of the batch. */
  readonly rows: readonly LentBytes[]
}

/**
 * Checks the rows that are bound for the caches of a graph.
 * @throws {FlexgenError} `USAGE`
 */
export function planCaches(
  graph: LayerGraph,
  binding: NativeBinding,
  batch: number,
  caches: CacheTable,
): Map<string, BoundCache> {
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
      const { maxPositions, dtype } = rows[0]!.cache.spec
      const seen = new Map<object, Set<number>>()
      for (const { cache, row } of rows) {
        const { spec } = cache
        if (spec.kvHeads !== kvHeads || spec.headDim !== headDim)
          fail(`has ${spec.kvHeads} heads of ${spec.headDim}, not ${kvHeads} of ${headDim}`)
        if (spec.maxPositions !== maxPositions) fail('has rows with room for different numbers of positions')
        if (spec.dtype !== dtype) fail(`has rows of ${spec.dtype} and of ${dtype}`)
        const taken = seen.get(cache) ?? new Set()
        if (taken.has(row)) fail(`has row ${row} twice`)
        seen.set(cache, taken.add(row))
      }
      return [name, { rows: rows.map((row) => caches.lendRow(row)), maxPositions, dtype }]
    }),
  )
}
