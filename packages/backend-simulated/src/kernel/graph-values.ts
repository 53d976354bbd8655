import { type Dimension, type DType, dtypeBytes, elementCount, type LayerGraph, tensorBytes } from '@flexgen/spec'

/** A value that a run binds. */
export interface BoundValue {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly Dimension[]
  readonly isWeight: boolean
  /** A table of which a run may bind any number of rows. */
  readonly isTable: boolean
  /** Where the size is the same in every run. */
  readonly fixedBytes: number | undefined
}

/** Inputs and outputs of a graph in the order in which a binding keeps them. */
export function boundValues(graph: LayerGraph): BoundValue[] {
  const tables = new Set(graph.nodes.flatMap(({ operator, inputs }) => (operator === 'Gather' ? [inputs[0]] : [])))
  return [...graph.inputs, ...graph.outputs].map(({ name, dtype, shape, role }) => {
    const isTable = tables.has(name)
    const isFixed = !isTable && shape.every((dimension) => typeof dimension === 'number')
    return {
      name,
      // Checked when the graph was compiled.
      dtype: dtype as DType,
      shape,
      isWeight: role === 'weight',
      isTable,
      fixedBytes: isFixed ? tensorBytes(dtype as DType, shape) : undefined,
    }
  })
}

/** Bytes of a value of a shape. */
export function valueBytes(dtype: DType, shape: readonly number[]): number {
  return dtype === 'q4g64' || dtype === 'q4g64c'
    ? tensorBytes(dtype, shape)
    : elementCount(shape) * dtypeBytes(dtype, 1)
}

/** Bytes that a prepared kernel holds of a weight: in the dtype it computes in, 4-bit weights as they are. */
export function heldBytes({ dtype, shape }: BoundValue, computeDtype: DType): number {
  const fixed = shape as number[]
  return dtype === 'q4g64' || dtype === 'q4g64c'
    ? tensorBytes(dtype, fixed)
    : elementCount(fixed) * dtypeBytes(computeDtype, 1)
}
