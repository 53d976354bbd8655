import type { Dimension, DType, GraphCache, GraphNode, GraphValue, LayerGraph } from '@flexgen/spec'

/** An input or output that is neither weight nor system input. */
export function activation(name: string, shape: readonly Dimension[], dtype: DType = 'float32'): GraphValue {
  return { name, dtype, shape, role: 'activation' }
}

/** A weight input. */
export function weight(name: string, shape: readonly number[], dtype: DType = 'float32'): GraphValue {
  return { name, dtype, shape, role: 'weight' }
}

/** The system inputs of attention. */
export const systemInputs: readonly GraphValue[] = [
  { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
]

/** A layer graph of a test. */
export function graphOf(
  inputs: readonly GraphValue[],
  nodes: readonly GraphNode[],
  outputs: readonly GraphValue[],
  caches: readonly GraphCache[] = [],
): LayerGraph {
  return { name: nodes.map((node) => node.operator).join('-'), inputs, outputs, caches, nodes }
}
