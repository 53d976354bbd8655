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
  const groups: (NodeOf<'Attention'> | Exclude<GraphNode, NodeOf<'Attention'>>[])[] = []
  for (const node of graph.nodes) {
    const last = groups.at(-1)
    if (node.operator === 'Attention') groups.push(node)
    else if (Array.isArray(last)) last.push(node)
    else groups.push([node])
  }
  return groups.map((group, index) => {
    if (!Array.isArray(group)) return { kind: 'attention', node: group }
    const written = new Set(group.flatMap((node) => node.outputs))
    const later = groups.slice(index + 1).flat()
    const wanted = new Set([...later.flatMap((node) => node.inputs), ...graph.outputs.map((output) => output.name)])
    return {
      kind: 'dense',
      nodes: group,
      inputs: [...new Set(group.flatMap((node) => node.inputs))].filter((name) => !written.has(name)),
      outputs: [...written].filter((name) => wanted.has(name)),
    }
  })
}
