import { type DType, elementCount, inferShapes, type LayerGraph } from '@flexgen/spec'
import type { OnnxDimension } from '../onnx/onnx-builder.ts'
import { isTensorType, type TensorType } from '../onnx/tensor-type.ts'
import { checkGraph, type GraphCapabilities } from './check-graph.ts'

/** What is known of a value of a graph before a run. */
export interface ValueInfo {
  readonly name: string
  /** As it lies in memory. */
  readonly dtype: DType
  /** In ONNX: that of activations for what lies in 4-bit groups. */
  readonly type: TensorType
  /** Shape in ONNX, where everything lies flat (see `flatShape`). */
  readonly shape: readonly OnnxDimension[]
  /** Size of the last axis; 0 where it changes from run to run. */
  readonly width: number
  readonly isWeight: boolean
  /** A table that only Gather reads: it may be bound with some of its rows. */
  readonly isTable: boolean
  /** Declared shape of a weight; empty for what is none. */
  readonly declared: readonly number[]
  /** Values of a weight. */
  readonly count: number
}

/** A checked graph with what is known of its values. */
export interface GraphInfo {
  readonly graph: LayerGraph
  readonly values: ReadonlyMap<string, ValueInfo>
  /** Type of activations. */
  readonly compute: TensorType & DType
}

/**
 * Checks a graph and describes its values.
 * @throws {FlexgenError} `UNSUPPORTED_DATA`
 */
export function describeGraph(graph: LayerGraph, capabilities?: GraphCapabilities): GraphInfo {
  const { dtypes, compute: computeDtype } = checkGraph(graph, capabilities)
  const compute = computeDtype as TensorType & DType
  const [first, second] = [inferShapes(graph, { batch: 2, seq: 3 }), inferShapes(graph, { batch: 5, seq: 7 })]
  const weights = new Map(
    graph.inputs.filter(({ role }) => role === 'weight').map(({ name, shape }) => [name, shape as readonly number[]]),
  )
  const values = [...first].map(([name, shape]): [string, ValueInfo] => {
    const other = second.get(name)!
    const dtype = dtypes.get(name)!
    const type = isTensorType(dtype) ? dtype : compute
    const isTable = isTableOf(graph, name)
    const fixed = shape.map((size, axis) => (size === other[axis] && !(isTable && axis === 0) ? size : undefined))
    const declared = weights.get(name) ?? []
    return [
      name,
      {
        name,
        dtype,
        type,
        shape: flatDimensions(name, fixed, type),
        width: fixed.at(-1) ?? 0,
        isWeight: weights.has(name),
        isTable,
        declared,
        count: elementCount(declared),
      },
    ]
  })
  return { graph, values: new Map(values), compute }
}

/** The flat form of a shape: int32 values have one dimension, others `[everything else, last]`. */
export function flatShape(shape: readonly number[], type: TensorType): readonly number[] {
  if (type === 'int32') return [elementCount(shape)]
  if (shape.length < 2) return shape
  return [elementCount(shape.slice(0, -1)), shape.at(-1)!]
}

function flatDimensions(name: string, shape: readonly (number | undefined)[], type: TensorType): OnnxDimension[] {
  const isFixed = shape.every((size) => size !== undefined)
  if (isFixed) return [...flatShape(shape, type)]
  if (type === 'int32') return [`${name} values`]
  const last = shape.at(-1) ?? `${name} width`
  return shape.length < 2 ? [last] : [`${name} rows`, last]
}

function isTableOf(graph: LayerGraph, name: string): boolean {
  const uses = graph.nodes.flatMap(({ operator, inputs }) =>
    inputs.flatMap((input, index) => (input === name ? [`${operator} ${index}`] : [])),
  )
  return uses.length > 0 && uses.every((use) => use === 'Gather 0')
}
