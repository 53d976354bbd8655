import type { GraphNode, LayerGraph } from '@flexgen/spec'
import { readsOf } from './check-graph.ts'

/** A node as the library runs it: Linear takes what follows it into its last pass. */
export interface PlannedNode {
  readonly node: GraphNode
  /** Names of values; of Linear: x, weight, bias, residual. */
  readonly inputs: readonly (string | undefined)[]
  readonly outputs: readonly string[]
  /** Number of the activation that Linear ends with; 0 for none. */
  readonly activation: number
}

/** Numbers of activations in the C library. */
function activationOf(node: GraphNode): number {
  switch (node.operator) {
    case 'Relu':
      return 1
    case 'Gelu':
      return node.attributes.approximate === 'tanh' ? 3 : 2
    case 'Silu':
      return 4
    default:
      return 0
  }
}

/** The nodes of a graph in order; a Linear swallows an activation, and then a sum, that nobody else needs the input of. */
export function planNodes(graph: LayerGraph): readonly PlannedNode[] {
  const uses = new Map<string, number>()
  const use = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1)
  for (const node of graph.nodes) for (const [name] of readsOf(node)) use(name)
  for (const { name } of graph.outputs) use(name)
  const planned: PlannedNode[] = []
  const known = new Set(graph.inputs.map(({ name }) => name))
  for (let at = 0; at < graph.nodes.length; at++) {
    const node = graph.nodes[at]!
    let inputs: readonly (string | undefined)[] = readsOf(node).map(([name]) => name)
    let { outputs } = node
    let activation = 0
    if (node.operator === 'Linear') {
      let residual: string | undefined
      const next = graph.nodes[at + 1]
      if (
        next !== undefined &&
        activationOf(next) > 0 &&
        next.inputs[0] === outputs[0] &&
        uses.get(outputs[0]!) === 1
      ) {
        activation = activationOf(next)
        outputs = next.outputs
        at++
      }
      const sum = graph.nodes[at + 1]
      if (sum?.operator === 'Add' && uses.get(outputs[0]!) === 1) {
        const other = sum.inputs.find((name) => name !== outputs[0])
        if (sum.inputs.includes(outputs[0]!) && other !== undefined && known.has(other)) {
          residual = other
          outputs = sum.outputs
          at++
        }
      }
      inputs = [inputs[0], inputs[1], inputs[2], residual]
    }
    planned.push({ node, inputs, outputs, activation })
    for (const name of outputs) known.add(name)
  }
  return planned
}
