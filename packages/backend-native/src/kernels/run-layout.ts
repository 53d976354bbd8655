import { type DType, elementCount, inferShapes, tensorBytes } from '@flexgen/spec'
import { dtypeNumbers } from '../graphs/capabilities.ts'
import type { Program } from './program.ts'

/** Sizes that decide where everything lies in a run. */
export interface RunSize {
  readonly batch: number
  readonly seq: number
  readonly maxPositions: number
  readonly cacheDtype: DType
}

/** What depends on the sizes of a run alone. */
export interface RunLayout {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** The table of a run without the addresses of what is bound (`fx_run` in program.h). */
  readonly table: Float64Array
  readonly scratchBytes: number
}

/** Words of the table before the slots. */
export const tableHead = 4

const alignment = 64

/** Where the entries of a cache begin in a table. */
export function cacheAt(program: Program, batch: number, cache: number): number {
  return tableHead + 2 * program.slots.length + cache * (2 + batch)
}

/** Lays out a run; `scratchBytesOf` gives what kernels need for a table. */
export function makeLayout(
  program: Program,
  { batch, seq, maxPositions, cacheDtype }: RunSize,
  scratchBytesOf: (table: Float64Array) => number,
): RunLayout {
  const { graph, values } = program.info
  const shapes = inferShapes(graph, { batch, seq })
  const table = new Float64Array(cacheAt(program, batch, graph.caches.length))
  table.set([batch, seq])
  let valueBytes = 0
  for (const [slot, name] of program.slots.entries()) {
    const { declared, width, dtype } = values.get(name)!
    const shape = shapes.get(name)!
    const at = tableHead + 2 * slot
    table[at + 1] = elementCount(shape) / width
    if (declared !== undefined) continue
    table[at] = valueBytes
    valueBytes += Math.ceil(tensorBytes(dtype, shape) / alignment) * alignment
  }
  for (const index of graph.caches.keys())
    table.set([dtypeNumbers[cacheDtype], maxPositions], cacheAt(program, batch, index))
  const kernelBytes = scratchBytesOf(table)
  table.set([valueBytes, kernelBytes], 2)
  return { shapes, table, scratchBytes: valueBytes + kernelBytes }
}
