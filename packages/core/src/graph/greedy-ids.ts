import type { Backend, GraphNode, GraphValue, LayerGraph } from '@flexgen/spec'

const greedyIds = 'greedyIds'

/** Whether a backend chooses ids itself: logits would have to leave its memory, for one number of each row. */
export function choosesIds({ device, capabilities }: Pick<Backend, 'device' | 'capabilities'>): boolean {
  return !device.hostVisible && capabilities.operators.has('ArgMax')
}

/** The graph of a head with another output: the id of the largest logit of every position, int32 `[batch, positions]`. */
export function withGreedyIds(graph: LayerGraph): LayerGraph {
  const [logits] = graph.outputs as [GraphValue]
  const node: GraphNode = { operator: 'ArgMax', inputs: [logits.name], outputs: [greedyIds], attributes: {} }
  const ids: GraphValue = { name: greedyIds, dtype: 'int32', shape: logits.shape.slice(0, -1), role: 'activation' }
  return { ...graph, outputs: [logits, ids], nodes: [...graph.nodes, node] }
}
