import type { MemoryLedger } from '@flexgen/backend-kit'
import { type DType, elementCount, type GraphValue, type LayerGraph, tensorBytes } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { HeldMatrix, TensorEngine } from '../engine/tensor-engine.ts'
import { weightUse } from './weight-use.ts'
import { widen } from './widen.ts'

/** What is held for a weight. */
export type HeldForm =
  | { readonly kind: 'matrix'; readonly matrix: HeldMatrix }
  | { readonly kind: 'tensor'; readonly tensor: TensorInfo }
  | { readonly kind: 'table'; readonly bytes: Uint8Array; readonly dtype: DType }

/** A weight of prepared kernels. */
export interface HeldWeight {
  readonly form: HeldForm
  readonly shape: readonly number[]
}

/** The weights of a prepared kernel by input name. */
export type HeldWeights = ReadonlyMap<string, HeldWeight>

/** Bytes that a prepared kernel holds for a weight. */
export function heldBytes(graph: LayerGraph, { name, dtype, shape }: GraphValue, engine: TensorEngine): number {
  const use = weightUse(graph, name)
  const [rows, columns] = shape as readonly number[]
  if (use.kind === 'table') return tensorBytes(dtype as DType, shape as number[])
  if (use.kind === 'tensor') return 4 * elementCount(shape as number[])
  return use.transposed ? engine.heldMatrixBytes(columns!, rows!) : engine.heldMatrixBytes(rows!, columns!)
}

/**
 * Uploads a weight into the form in which it is held.
 * @throws {FlexgenError} `OUT_OF_MEMORY`; then nothing is held
 */
export function holdWeight(
  graph: LayerGraph,
  value: GraphValue,
  bytes: Uint8Array,
  engine: TensorEngine,
  ledger: MemoryLedger,
): HeldWeight {
  const shape = value.shape as readonly number[]
  const dtype = value.dtype as DType
  const use = weightUse(graph, value.name)
  const sizeBytes = heldBytes(graph, value, engine)
  const what = `preparing ${value.name} of ${graph.name}`
  const part = use.kind === 'table' ? 'tables' : 'prepared'
  // Beside what stays there is the form in which a matrix arrives.
  const passingBytes = use.kind === 'matrix' ? 4 * elementCount(shape) : 0
  ledger.take(part, sizeBytes, what)
  let holdsPassing = false
  try {
    ledger.take('workspace', passingBytes, what)
    holdsPassing = true
    return { form: formOf(use, shape, bytes, dtype, engine), shape }
  } catch (error) {
    ledger.give(part, sizeBytes)
    throw error
  } finally {
    if (holdsPassing) ledger.give('workspace', passingBytes)
  }
}

function formOf(
  use: ReturnType<typeof weightUse>,
  shape: readonly number[],
  bytes: Uint8Array,
  dtype: DType,
  engine: TensorEngine,
): HeldForm {
  const fill = (target: Float32Array): void => widen(bytes, dtype, target)
  if (use.kind === 'table') return { kind: 'table', bytes: bytes.slice(), dtype }
  if (use.kind === 'tensor') return { kind: 'tensor', tensor: engine.within(() => engine.upload(shape, fill)) }
  return { kind: 'matrix', matrix: engine.within(() => engine.holdMatrix(shape, use.transposed, fill)) }
}

/** Gives a held weight back. */
export function releaseWeight(
  { form }: HeldWeight,
  sizeBytes: number,
  engine: TensorEngine,
  ledger: MemoryLedger,
): void {
  if (form.kind === 'matrix') engine.dispose(form.matrix.tensor)
  else if (form.kind === 'tensor') engine.dispose(form.tensor)
  ledger.give(form.kind === 'table' ? 'tables' : 'prepared', sizeBytes)
}
