import type { RunPlan } from '@flexgen/backend-kit'
import { type DType, type GraphNode, type LayerGraph, UsageError, widenFloat16 } from '@flexgen/spec'
import { operators } from './operators.ts'

type Value = Float32Array | Int32Array

/** Runs the nodes of a graph in order, on memory that the plan has checked, and writes the outputs where they are bound. */
export function runGraph(graph: LayerGraph, held: ReadonlyMap<string, Float32Array>, plan: RunPlan): void {
  const run = new GraphRun(held, plan)
  for (const node of graph.nodes) {
    const compute = operators[node.operator] as (node: GraphNode, run: GraphRun) => Float32Array[]
    for (const [index, values] of compute(node, run).entries()) run.set(node.outputs[index]!, values)
  }
  for (const { value, bytes } of plan.outputs) bytes().set(new Uint8Array(run.floats(value.name).buffer))
}

/** Values of one run, by name. */
export class GraphRun {
  readonly batch: number
  readonly seq: number
  readonly #plan: RunPlan
  readonly #values: Map<string, Value>

  constructor(held: ReadonlyMap<string, Float32Array>, plan: RunPlan) {
    this.batch = plan.dimensions.batch
    this.seq = plan.dimensions.seq
    this.#plan = plan
    this.#values = new Map<string, Value>(held)
    for (const { value, bytes } of plan.inputs) this.#values.set(value.name, valuesOf(bytes(), value.dtype))
  }

  set(name: string, values: Float32Array): void {
    this.#values.set(name, values)
  }

  floats(name: string): Float32Array {
    return this.#values.get(name) as Float32Array
  }

  ints(name: string): Int32Array {
    return this.#values.get(name) as Int32Array
  }

  /** Size of the last axis. */
  width(name: string): number {
    return this.#plan.shapes.get(name)!.at(-1)!
  }

  /** The cache of every row of the batch, `[K or V, kv head, max positions, head dim]`. */
  cache(name: string): { readonly rows: readonly Float32Array[]; readonly maxPositions: number } {
    const { rows, spec } = this.#plan.caches.get(name)!
    return { rows: rows.map((lend) => valuesOf(lend(), 'float32') as Float32Array), maxPositions: spec.maxPositions }
  }

  /** First position and number of the new tokens of every row. */
  rows(): { readonly row: number; readonly start: number; readonly count: number }[] {
    const [positions, lengths] = [this.ints('positions'), this.ints('lengths')]
    return Array.from(lengths, (length, row) => {
      const start = positions[row * this.seq]!
      const count = length - start
      if (start < 0 || count < 0 || count > this.seq)
        throw new UsageError(`row ${row} goes from position ${start} to ${length}, but has ${this.seq} tokens`)
      return { row, start, count }
    })
  }
}

/** Bytes as numbers: in place where they are aligned, widened where they are half floats. */
export function valuesOf(bytes: Uint8Array, dtype: DType): Value {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  if (dtype === 'int32') return new Int32Array(buffer, byteOffset, byteLength / 4)
  if (dtype === 'float32') return new Float32Array(buffer, byteOffset, byteLength / 4)
  const widened = new Float32Array(byteLength / 2)
  widenFloat16(new Uint16Array(buffer, byteOffset, byteLength / 2), widened)
  return widened
}
