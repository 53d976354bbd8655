import type { GraphNode, LayerGraph, NodeOf } from '@flexgen/spec'

/** Nodes that run as one ONNX graph. */
export interface DensePlan {
  readonly kind: 'dense'
  readonly nodes: readonly Exclude<GraphNode, NodeOf<'Attention'>>[]
  /** Values that it reads from outside, in the order of first use. */
  readonly inputs: readonly string[]
  /** Values that somebody outside needs. */
  readonly outputs: readonly string[]
}

/** Attention, which runs row by row on the cache where it lies. */
export interface AttentionPlan {
  readonly kind: 'attention'
  readonly node: NodeOf<'Attention'>
}

/** A step of a run. */
export type StepPlan = DensePlan | AttentionPlan

/** Cuts a graph at each Attention: ONNX Runtime's fused decoder operators are 5 to 15 times off memory speed. */
export function planGraph(graph: LayerGraph): readonly StepPlan[] {
  const isAlone = ({ operator }: GraphNode): boolean => operator === 'Attention'
  return cutGraph(graph, (node, [first]) => !isAlone(node) && !isAlone(first!)).map(
    ({ nodes, inputs, outputs }): StepPlan => {
      const [node] = nodes
      if (node!.operator === 'Attention') return { kind: 'attention', node }
      return { kind: 'dense', nodes: nodes as DensePlan['nodes'], inputs, outputs }
    },
  )
}

/** Nodes that run together. */
export interface GraphPiece {
  readonly nodes: readonly GraphNode[]
  /** Values that they read from outside, in the order of first use. */
  readonly inputs: readonly string[]
  /** Values that somebody outside needs. */
  readonly outputs: readonly string[]
}

/**
 * Cuts a graph into pieces.
 * @param joins whether a node belongs to the piece of those before it
 */
export function cutGraph(
  graph: Pick<LayerGraph, 'nodes' | 'outputs'>,
  joins: (node: GraphNode, before: readonly GraphNode[]) => boolean,
): readonly GraphPiece[] {
  const groups: GraphNode[][] = []
  for (const node of graph.nodes) {
    const last = groups.at(-1)
    if (last !== undefined && joins(node, last)) last.push(node)
    else groups.push([node])
  }
  return groups.map((nodes, index) => {
    const written = new Set(nodes.flatMap((node) => node.outputs))
    const later = groups.slice(index + 1).flat()
    const wanted = new Set([...later.flatMap((node) => node.inputs), ...graph.outputs.map((output) => output.name)])
    return {
      nodes,
      inputs: [...new Set(nodes.flatMap((node) => node.inputs))].filter((name) => !written.has(name)),
      outputs: [...written].filter((name) => wanted.has(name)),
    }
  })
}
