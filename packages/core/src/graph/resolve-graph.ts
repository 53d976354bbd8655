import type { DType, GraphValue, LayerGraph } from '@flexgen/spec'

/** Fills in the dtypes that the run chooses: the compute dtype, and of every weight the checkpoint's. */
export function resolveGraph(
  graph: LayerGraph,
  computeDtype: DType,
  weightDtypes: ReadonlyMap<string, DType>,
): LayerGraph {
  const resolve = (value: GraphValue): GraphValue => {
    if (value.dtype === 'compute') return { ...value, dtype: computeDtype }
    if (value.dtype === 'weight') return { ...value, dtype: weightDtypes.get(value.name) ?? computeDtype }
    return value
  }
  return { ...graph, inputs: graph.inputs.map(resolve), outputs: graph.outputs.map(resolve) }
}
