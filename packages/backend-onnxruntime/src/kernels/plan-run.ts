import { elementCount, type GraphValue, UsageError } from '@flexgen/spec'
import { flatShape, type ValueInfo } from '../graphs/graph-info.ts'
import type { MappedBytes } from '@flexgen/backend-kit'
import { isHalf, tensorTypes } from '../onnx/tensor-type.ts'
import type { Tensor } from '../sessions/session.ts'
import type { KernelContext } from './kernel-context.ts'
import type { BoundValue, CheckedValue, OnnxBinding } from './onnx-binding.ts'
import { dimensionsOf, planCaches } from '@flexgen/backend-kit'
import type { Program } from './program.ts'
import { alignScratch, type RunLayout, type ScratchPlace } from './run-layout.ts'
import type { BoundCache } from './run-state.ts'

/** A run whose bindings have been checked. */
export interface RunPlan {
  readonly layout: RunLayout
  readonly values: ReadonlyMap<string, CheckedValue>
  readonly caches: ReadonlyMap<string, BoundCache>
  /** Everything that the run reads and writes. */
  readonly lent: readonly MappedBytes[]
  /** Where half weights are widened to, for a runtime that takes none. */
  readonly widened: ReadonlyMap<string, ScratchPlace>
  readonly scratchBytes: number
}

/**
 * Checks names, shapes, sizes and memory of everything that is bound.
 * @throws {FlexgenError} `USAGE` before anything runs
 */
export function planRun(program: Program, binding: OnnxBinding, context: KernelContext): RunPlan {
  const { graph } = program.info
  for (const name of binding.values.keys()) {
    if (program.held.has(name)) throw new UsageError(`${graph.name}: ${name} is prepared and cannot be bound`)
    if (!program.borders.has(name)) throw new UsageError(`${graph.name} has no input or output ${name}`)
  }
  const { batch, seq } = dimensionsOf(graph.name, program.borders.values(), binding.values)
  const caches = planCaches(graph, binding.caches, batch, (row) => context.caches.lendRow(row))
  const maxPositions = Math.max(0, ...[...caches.values()].map(({ spec }) => spec.maxPositions))
  const layout = program.layouts.of({ batch, seq, maxPositions })
  const values = new Map<string, CheckedValue>()
  for (const value of program.borders.values()) {
    const bound = binding.values.get(value.name)
    if (bound === undefined) throw new UsageError(`${graph.name}: ${value.name} is not bound`)
    values.set(value.name, checkValue(program, value, bound, layout, context))
  }
  checkOverlaps(program, values)
  const lent = [...[...values.values()].map((value) => value.lent), ...[...caches.values()].flatMap((c) => c.rows)]
  const widened = new Map<string, ScratchPlace>()
  let { scratchBytes } = layout
  for (const [name, { tensor }] of values) {
    if (context.runtime.halfTensors || !isHalf(tensor.type)) continue
    widened.set(name, { byteOffset: scratchBytes, byteLength: 2 * tensor.bytes.byteLength })
    scratchBytes += alignScratch(2 * tensor.bytes.byteLength)
  }
  return { layout, values, caches, lent, widened, scratchBytes }
}

function checkValue(
  program: Program,
  value: GraphValue,
  bound: BoundValue,
  layout: RunLayout,
  { memory }: KernelContext,
): CheckedValue {
  const info = program.info.values.get(value.name)!
  const what = `${program.info.graph.name}: ${value.name}`
  const wanted = layout.shapes.get(value.name)!
  // A table that only Gather reads may be bound with some of its rows: `access: rows` of a weight.
  const fits = (size: number, axis: number): boolean => size === wanted[axis] || (info.isTable && axis === 0)
  if (bound.shape.length !== wanted.length || !bound.shape.every(fits))
    throw new UsageError(`${what} has shape [${bound.shape.join(', ')}], not [${wanted.join(', ')}]`)
  const shape = flatShape(bound.shape, info.type)
  const byteLength = elementCount(shape) * tensorTypes[info.type].bytes
  if (bound.span.byteLength < byteLength)
    throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${bound.span.byteLength}`)
  const lent = memory.lend({ ...bound.span, byteLength }, what)
  if (!info.isWeight && lent.bytes.byteOffset % 4 !== 0)
    throw new UsageError(`${what} must start at a multiple of 4 bytes`)
  // The same memory keeps its tensors, so that nothing is bound again in the runtime.
  const before = bound.checked
  if (before !== undefined && before.lent.bytes.byteLength === byteLength) return before
  const tensor: Tensor = { bytes: lent.bytes, type: info.type, shape }
  bound.checked = { lent, tensor, blocks: blocksOf(program, info, tensor) }
  return bound.checked
}

/** Blocks of rows of a half matrix, for models that take it so. */
function blocksOf({ blocks }: Program, { name, width, type }: ValueInfo, { bytes }: Tensor): Tensor[] {
  const rowBytes = width * tensorTypes[type].bytes
  return (blocks.get(name) ?? []).map(({ firstRow, rows }) => ({
    bytes: bytes.subarray(firstRow * rowBytes, (firstRow + rows) * rowBytes),
    type,
    shape: [rows, width],
  }))
}

/** An output that lies over an input would be read half written. */
function checkOverlaps({ info: { graph } }: Program, values: ReadonlyMap<string, CheckedValue>): void {
  for (const [index, output] of graph.outputs.entries()) {
    const target = values.get(output.name)!.lent.bytes
    const later = new Set(graph.outputs.slice(index).map(({ name }) => name))
    for (const [name, { lent }] of values) {
      if (!later.has(name) && overlaps(lent.bytes, target))
        throw new UsageError(`${graph.name}: output ${output.name} lies over ${name}`)
    }
  }
}

function overlaps(a: Uint8Array, b: Uint8Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  )
}
