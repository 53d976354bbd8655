import { type LayerGraph, UsageError } from '@flexgen/spec'
import type { MemoryTable, SimulatedCache } from '../memory/memory-table.ts'
import { type BoundValue, valueBytes } from './graph-values.ts'
import type { SimulatedBinding } from './simulated-binding.ts'

/** Sizes of a run. */
export interface RunSizes {
  readonly batch: number
  readonly seq: number
}

/**
 * Checks a binding before a run.
 * @throws {UsageError} for a value that is missing, or whose shape or span does not fit
 */
export function checkBinding(
  graph: LayerGraph,
  values: readonly BoundValue[],
  { spans, shapes }: SimulatedBinding,
  table: MemoryTable,
): RunSizes {
  let [batch, seq] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const { name, dtype, shape: wanted, fixedBytes, isTable } = values[i]!
    const span = spans[i]
    const shape = shapes[i]!
    if (span === undefined) throw new UsageError(`${graph.name}: ${name} is not bound`)
    if (shape.length !== wanted.length) throw wrongShape(graph, name, shape)
    for (let d = 0; d < shape.length; d++) {
      const size = shape[d]!
      const dimension = wanted[d]!
      if (!(Number.isInteger(size) && size > 0)) throw wrongShape(graph, name, shape)
      if (dimension === 'batch') {
        if (batch === 0) batch = size
        else if (batch !== size) throw wrongShape(graph, name, shape)
      } else if (dimension === 'seq') {
        if (seq === 0) seq = size
        else if (seq !== size) throw wrongShape(graph, name, shape)
      } else if (dimension !== size && !(isTable && d === 0)) throw wrongShape(graph, name, shape)
    }
    const byteLength = fixedBytes ?? valueBytes(dtype, shape)
    if (span.byteLength < byteLength) {
      throw new UsageError(`${graph.name}: ${name} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
    }
    table.check(span, 'device', name)
  }
  return { batch, seq: seq === 0 ? 1 : seq }
}

/** Numbers the checks, so that a row that comes twice in one is known by its mark. */
let runCount = 0

/** Checks the rows of every cache of a graph; gives the first row's cache. */
export function checkCaches(
  graph: LayerGraph,
  binding: SimulatedBinding,
  batch: number,
  table: MemoryTable,
): SimulatedCache | undefined {
  let first: SimulatedCache | undefined
  for (const { name, kvHeads, headDim } of graph.caches) {
    const rows = binding.cacheRows.get(name)
    if (rows?.length !== batch) {
      throw new UsageError(`${graph.name}: cache ${name} has ${rows?.length ?? 0} rows for a batch of ${batch}`)
    }
    runCount++
    for (const row of rows) {
      const cache = table.checkRow(row)
      const { spec } = cache
      if (!cache.mark(row.row, runCount)) throw new UsageError(`${graph.name}: cache ${name} has a row twice`)
      if (spec.kvHeads !== kvHeads || spec.headDim !== headDim) {
        throw new UsageError(`${graph.name}: cache ${name} needs ${kvHeads} heads of ${headDim}`)
      }
      first ??= cache
    }
  }
  return first
}

function wrongShape(graph: LayerGraph, name: string, shape: readonly number[]): UsageError {
  return new UsageError(`${graph.name}: ${name} cannot have the shape [${shape.join(', ')}]`)
}
