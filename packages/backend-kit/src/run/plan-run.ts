import {
  type DType,
  type DynamicDimensions,
  type GraphValue,
  inferShapes,
  type LayerGraph,
  tensorBytes,
  UsageError,
} from '@flexgen/spec'
import type { CacheTable } from '../memory/cache-table.ts'
import type { LentBytes, MemoryTable } from '../memory/memory-table.ts'
import { dimensionsOf } from './dimensions-of.ts'
import { planCaches, type PlannedCache } from './plan-caches.ts'
import type { BoundValue, RunBinding } from '../binding/run-binding.ts'

/** An input or output of a run. */
export interface PlannedValue {
  readonly value: GraphValue & { readonly dtype: DType }
  readonly shape: readonly number[]
  readonly bytes: LentBytes
}

/** A run whose bindings have been checked. */
export interface RunPlan {
  readonly dimensions: DynamicDimensions
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly inputs: readonly PlannedValue[]
  readonly outputs: readonly PlannedValue[]
  readonly caches: ReadonlyMap<string, PlannedCache<LentBytes>>
}

/** Where a run takes its memory from. */
export interface RunMemory {
  readonly table: MemoryTable
  readonly caches: CacheTable
}

/**
 * Checks names, shapes, sizes and memory of everything that is bound.
 *
 * @param held names of weights that are prepared and not bound
 * @throws {FlexgenError} `USAGE` before anything runs
 */
export function planRun(
  graph: LayerGraph,
  held: ReadonlyMap<string, unknown>,
  binding: RunBinding,
  memory: RunMemory,
): RunPlan {
  binding.assertUsable()
  const expected = [...graph.inputs.filter(({ name }) => !held.has(name)), ...graph.outputs]
  for (const name of binding.values.keys()) {
    if (held.has(name)) throw new UsageError(`${graph.name}: ${name} is prepared and cannot be bound`)
    if (!expected.some((value) => value.name === name))
      throw new UsageError(`${graph.name} has no input or output ${name}`)
  }
  const dimensions = dimensionsOf(graph.name, [...graph.inputs, ...graph.outputs], binding.values)
  const shapes = new Map(inferShapes(graph, dimensions))
  const plan = (value: GraphValue): PlannedValue => {
    const bound = binding.values.get(value.name)
    if (bound === undefined) throw new UsageError(`${graph.name}: ${value.name} is not bound`)
    checkShape(graph, value, bound, shapes.get(value.name)!)
    shapes.set(value.name, bound.shape)
    const what = `${graph.name}: ${value.name}`
    const dtype = value.dtype as DType
    const byteLength = tensorBytes(dtype, bound.shape)
    if (bound.span.byteLength < byteLength)
      throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${bound.span.byteLength}`)
    const bytes = memory.table.lend({ ...bound.span, byteLength }, 'device', what)
    return { value: { ...value, dtype }, shape: bound.shape, bytes }
  }
  const inputs = graph.inputs.filter(({ name }) => !held.has(name)).map(plan)
  const outputs = graph.outputs.map(plan)
  checkOverlaps(graph, inputs, outputs)
  const caches = planCaches(graph, binding.caches, dimensions.batch, (row) => memory.caches.lendRow(row))
  return { dimensions, shapes, inputs, outputs, caches }
}

function checkShape(graph: LayerGraph, value: GraphValue, { shape }: BoundValue, wanted: readonly number[]): void {
  // A table that only Gather reads may be bound with some of its rows: `access: rows` of a weight.
  const from = isTable(graph, value.name) ? 1 : 0
  if (shape.length !== wanted.length || shape.slice(from).join() !== wanted.slice(from).join())
    throw new UsageError(`${graph.name}: ${value.name} has shape [${shape.join(', ')}], not [${wanted.join(', ')}]`)
}

function isTable(graph: LayerGraph, name: string): boolean {
  const uses = graph.nodes.flatMap(({ operator, inputs }) =>
    inputs.flatMap((input, index) => (input === name ? [`${operator} ${index}`] : [])),
  )
  return uses.length > 0 && uses.every((use) => use === 'Gather 0')
}

/** An output that lies over an input would be read half written on a backend that works in place. */
function checkOverlaps(graph: LayerGraph, inputs: readonly PlannedValue[], outputs: readonly PlannedValue[]): void {
  for (const [index, output] of outputs.entries()) {
    const target = output.bytes()
    for (const other of [...inputs, ...outputs.slice(0, index)]) {
      const bytes = other.bytes()
      if (
        bytes.buffer === target.buffer &&
        bytes.byteOffset < target.byteOffset + target.byteLength &&
        target.byteOffset < bytes.byteOffset + bytes.byteLength
      )
        throw new UsageError(`${graph.name}: output ${output.value.name} lies over ${other.value.name}`)
    }
  }
}
