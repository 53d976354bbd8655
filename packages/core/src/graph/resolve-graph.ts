import type { DType, GraphValue, LayerGraph } from '@flexgen/spec'

/** What a run chooses for the graphs of a model. */
export interface GraphChoices {
  readonly computeDtype: DType
  /** By input name; the checkpoint's or, where weights are compressed, theirs. */
  readonly weightDtypes: ReadonlyMap<string, DType>
  readonly attentionSparsity: number
}

/** Fills in what the run chooses: compute dtype, dtype of every weight, sparsity of attention. */
export function resolveGraph(
  graph: LayerGraph,
  { computeDtype, weightDtypes, attentionSparsity }: GraphChoices,
): LayerGraph {
  const resolve = (value: GraphValue): GraphValue => {
    if (value.dtype === 'compute') return { ...value, dtype: computeDtype }
    if (value.dtype === 'weight') return { ...value, dtype: weightDtypes.get(value.name) ?? computeDtype }
    return value
  }
  return {
    ...graph,
    inputs: graph.inputs.map(resolve),
    outputs: graph.outputs.map(resolve),
    nodes: graph.nodes.map((node) =>
      node.operator === 'Attention'
        ? { ...node, attributes: { ...node.attributes, sparsity: attentionSparsity } }
        : node,
    ),
  }
}
