import { type CacheSpec, elementCount, type GraphValue, tensorBytes, UsageError } from '@flexgen/spec'
import { dtypeNumbers } from '../graphs/capabilities.ts'
import { type BoundValue, dimensionsOf, planCaches } from '@flexgen/backend-kit'
import type { MappedBytes } from '@flexgen/backend-kit'
import type { KernelContext } from './kernel-context.ts'
import type { NativeBinding } from './native-binding.ts'
import type { Program } from './program.ts'
import { cacheAt, type RunLayout, tableHead } from './run-layout.ts'

/** A run whose bindings have been checked. */
export interface RunPlan {
  /** Where everything lies, for the library. */
  readonly table: Float64Array
  readonly scratchBytes: number
  /** Everything that the run reads and writes, with the bytes that it had when it was checked. */
  readonly lent: readonly { readonly memory: MappedBytes; readonly byteLength: number }[]
}

/** Weights that a kernel holds, by name. */
export type HeldWeights = ReadonlyMap<string, Uint8Array>

/**
 * Checks names, shapes, sizes and memory of everything that is bound.
 * @throws {FlexgenError} `USAGE` before anything runs
 */
export function planRun(program: Program, held: HeldWeights, binding: NativeBinding, context: KernelContext): RunPlan {
  const { graph } = program.info
  for (const name of binding.values.keys()) {
    if (held.has(name)) throw new UsageError(`${graph.name}: ${name} is prepared and cannot be bound`)
    if (!program.borders.has(name)) throw new UsageError(`${graph.name} has no input or output ${name}`)
  }
  const { batch, seq } = dimensionsOf(graph.name, program.borders.values(), binding.values)
  const caches = planCaches(graph, binding.caches, batch, (row) => context.caches.lendRow(row))
  const { maxPositions, dtype: cacheDtype } = [...caches.values()].reduce(
    (most, { spec }) => (spec.maxPositions > most.maxPositions ? spec : most),
    { maxPositions: 0, dtype: 'float32' } as Pick<CacheSpec, 'maxPositions' | 'dtype'>,
  )
  const layout = program.layout({ batch, seq, maxPositions, cacheDtype })
  const table = new Float64Array(new ArrayBuffer(layout.table.byteLength))
  table.set(layout.table)
  const values = new Map<string, MappedBytes>()
  for (const [slot, name] of program.slots.entries()) {
    const at = tableHead + 2 * slot
    const value = program.borders.get(name)
    if (value === undefined) continue
    const own = held.get(name)
    if (own !== undefined) {
      table[at] = context.addressOf(own)
      continue
    }
    const bound = binding.values.get(name)
    if (bound === undefined) throw new UsageError(`${graph.name}: ${name} is not bound`)
    const lent = checkValue(program, value, bound, layout, context)
    values.set(name, lent)
    table[at] = context.addressOf(lent.bytes)
    table[at + 1] = elementCount(bound.shape) / program.info.values.get(name)!.width
  }
  checkOverlaps(program, values)
  for (const [index, { name }] of graph.caches.entries()) {
    const { rows, spec } = caches.get(name)!
    const addresses = rows.map(({ bytes }) => context.addressOf(bytes))
    table.set([dtypeNumbers[spec.dtype], spec.maxPositions, ...addresses], cacheAt(program, batch, index))
  }
  const lent = [...values.values(), ...[...caches.values()].flatMap(({ rows }) => rows)]
  return {
    table,
    scratchBytes: layout.scratchBytes,
    lent: lent.map((memory) => ({ memory, byteLength: memory.bytes.byteLength })),
  }
}

function checkValue(
  program: Program,
  { name }: GraphValue,
  bound: BoundValue,
  { shapes }: RunLayout,
  { memory }: KernelContext,
): MappedBytes {
  const info = program.info.values.get(name)!
  const what = `${program.info.graph.name}: ${name}`
  const wanted = shapes.get(name)!
  // A table that only Gather reads may be bound with some of its rows: `access: rows` of a weight.
  const fits = (size: number, axis: number): boolean => size === wanted[axis] || (info.isTable && axis === 0)
  if (bound.shape.length !== wanted.length || !bound.shape.every(fits))
    throw new UsageError(`${what} has shape [${bound.shape.join(', ')}], not [${wanted.join(', ')}]`)
  const byteLength = tensorBytes(info.dtype, bound.shape)
  if (bound.span.byteLength < byteLength)
    throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${bound.span.byteLength}`)
  const lent = memory.lend({ ...bound.span, byteLength }, what)
  if (!info.isWeight && lent.bytes.byteOffset % 4 !== 0)
    throw new UsageError(`${what} must start at a multiple of 4 bytes`)
  return lent
}

/** An output that lies over an input would be read half written. */
function checkOverlaps({ info: { graph } }: Program, values: ReadonlyMap<string, MappedBytes>): void {
  for (const [index, output] of graph.outputs.entries()) {
    const target = values.get(output.name)!.bytes
    const later = new Set(graph.outputs.slice(index).map(({ name }) => name))
    for (const [name, { bytes }] of values) {
      if (!later.has(name) && overlaps(bytes, target))
        throw new UsageError(`${graph.name}: output ${output.name} lies over ${name}`)
    }
  }
}

function overlaps(a: Uint8Array, b: Uint8Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  )
}
