import { cachePageBytes, type GraphValue, tensorBytes, UsageError } from '@flexgen/spec'
import { flatShape } from '../../graphs/graph-info.ts'
import { dimensionsOf, planCaches, type PlannedCache, type Owned } from '@flexgen/backend-kit'
import type { CudaContext } from '../cuda-context.ts'
import type { CacheRowPlace } from '../memory/cuda-cache.ts'
import type { LentDevice } from '../memory/cuda-memory-table.ts'
import type { CudaBinding, CudaBoundValue, CudaCheckedValue } from './cuda-binding.ts'
import type { CudaProgram } from './cuda-program.ts'
import { runAlignment } from './scratch-layout.ts'

/** A cache of a run, and where its rows lie if they are neighbours. */
export interface CudaCacheRows extends PlannedCache<CacheRowPlace> {
  readonly inPlace: Pick<CacheRowPlace, 'keys' | 'values'> | undefined
}

/** A run whose bindings have been checked. */
export interface CudaRunPlan {
  readonly batch: number
  readonly seq: number
  readonly maxPositions: number
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly values: ReadonlyMap<string, CudaCheckedValue>
  /** Those of them that kernels cannot read or write where they lie, with their names. */
  readonly misaligned: readonly (readonly [name: string, value: CudaCheckedValue])[]
  readonly caches: ReadonlyMap<string, CudaCacheRows>
  /** Everything that the run reads and writes. */
  readonly owners: readonly Owned[]
}

/**
 * Checks names, shapes, sizes and memory of everything that is bound.
 * @param held weights that the kernel holds
 * @throws {FlexgenError} `USAGE` before anything runs
 */
export function planCudaRun(
  program: CudaProgram,
  held: ReadonlyMap<string, CudaCheckedValue>,
  binding: CudaBinding,
  context: CudaContext,
): CudaRunPlan {
  const { graph } = program.info
  for (const name of binding.values.keys()) {
    if (held.has(name)) throw new UsageError(`${graph.name}: ${name} is prepared and cannot be bound`)
    if (!program.borders.has(name)) throw new UsageError(`${graph.name} has no input or output ${name}`)
  }
  const { batch, seq } = dimensionsOf(graph.name, program.borders.values(), binding.values)
  const caches = new Map<string, CudaCacheRows>()
  for (const [name, cache] of planCaches(graph, binding.caches, batch, (row) => context.caches.lendRow(row))) {
    const halfBytes = cachePageBytes(cache.spec, cache.spec.maxPositions) / 2
    caches.set(name, { ...cache, inPlace: neighbours(cache.rows, BigInt(halfBytes)) })
  }
  const maxPositions = Math.max(0, ...[...caches.values()].map(({ spec }) => spec.maxPositions))
  const shapes = program.shapesOf({ batch, seq })
  const values = new Map<string, CudaCheckedValue>()
  for (const value of program.borders.values()) {
    const own = held.get(value.name)
    if (own !== undefined) {
      values.set(value.name, own)
      continue
    }
    const bound = binding.values.get(value.name)
    if (bound === undefined) throw new UsageError(`${graph.name}: ${value.name} is not bound`)
    values.set(value.name, checkValue(program, value, bound, shapes.get(value.name)!, context))
  }
  checkOverlaps(program, values)
  const owners = [
    ...[...values.values()].map(({ lent }) => lent.owner),
    ...[...caches.values()].flatMap(({ rows }) => rows.map(({ owner }) => owner)),
  ]
  const misaligned = [...values].filter(([, { isAligned }]) => !isAligned)
  return { batch, seq, maxPositions, shapes, values, misaligned, caches, owners: [...new Set(owners)] }
}

/** A value as a tensor of device memory. */
export function checkedValue(
  program: CudaProgram,
  name: string,
  lent: LentDevice,
  shape: readonly number[],
): CudaCheckedValue {
  const { dtype, type } = program.info.values.get(name)!
  const flat = flatShape(shape, type)
  const byteLength = tensorBytes(dtype, shape)
  const isAligned = lent.address % BigInt(runAlignment) === 0n
  return { lent, byteLength, isAligned, tensor: { address: lent.address, type, shape: flat } }
}

function checkValue(
  program: CudaProgram,
  { name }: GraphValue,
  bound: CudaBoundValue,
  wanted: readonly number[],
  { memory }: CudaContext,
): CudaCheckedValue {
  const info = program.info.values.get(name)!
  const what = `${program.info.graph.name}: ${name}`
  // A table that only Gather reads may be bound with some of its rows: `access: rows` of a weight.
  const fits = (size: number, axis: number): boolean => size === wanted[axis] || (info.isTable && axis === 0)
  if (bound.shape.length !== wanted.length || !bound.shape.every(fits))
    throw new UsageError(`${what} has shape [${bound.shape.join(', ')}], not [${wanted.join(', ')}]`)
  if (bound.checked !== undefined) {
    bound.checked.lent.owner.assertLive()
    return bound.checked
  }
  const byteLength = tensorBytes(info.dtype, bound.shape)
  if (bound.span.byteLength < byteLength)
    throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${bound.span.byteLength}`)
  const lent = memory.lendDevice({ ...bound.span, byteLength }, what)
  bound.checked = checkedValue(program, name, lent, bound.shape)
  return bound.checked
}

/** An output that lies over an input would be read half written. */
function checkOverlaps({ info: { graph } }: CudaProgram, values: ReadonlyMap<string, CudaCheckedValue>): void {
  for (const [index, output] of graph.outputs.entries()) {
    const target = values.get(output.name)!
    for (const [name, value] of values) {
      if (overlaps(value, target) && !graph.outputs.slice(index).some((later) => later.name === name))
        throw new UsageError(`${graph.name}: output ${output.name} lies over ${name}`)
    }
  }
}

function overlaps(a: CudaCheckedValue, b: CudaCheckedValue): boolean {
  return (
    a.lent.owner === b.lent.owner &&
    a.lent.byteOffset < b.lent.byteOffset + b.byteLength &&
    b.lent.byteOffset < a.lent.byteOffset + a.byteLength
  )
}

/** Where the rows start, if the keys of all lie one behind the other, and so do the values. */
function neighbours(rows: readonly CacheRowPlace[], halfBytes: bigint): CudaCacheRows['inPlace'] {
  const [first] = rows
  const isNext = ({ keys, values }: CacheRowPlace, i: number): boolean =>
    keys === first!.keys + BigInt(i) * halfBytes && values === first!.values + BigInt(i) * halfBytes
  return first !== undefined && rows.every(isNext) ? first : undefined
}
