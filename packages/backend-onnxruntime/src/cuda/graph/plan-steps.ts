import { type GraphNode, isGroupDType, type NodeOf } from '@flexgen/spec'
import type { GraphInfo } from '../../graphs/graph-info.ts'
import { cutGraph } from '../../graphs/plan-graph.ts'
import type { CudaModelPart } from './cuda-model.ts'

/** What kernels of our own compute: what reads or writes 4-bit groups, and the choice of ids. */
export type OwnNode = NodeOf<'Gather' | 'QuantizeGroup' | 'DequantizeGroup' | 'ArgMax'>

/** What runs one after the other: a session, attention on rows that lie anywhere, or a kernel of our own. */
export type CudaStepPlan =
  | (CudaModelPart & {
      readonly kind: 'dense'
      /** 4-bit weights that it reads as plain values. */
      readonly packed: readonly string[]
    })
  | { readonly kind: 'attention'; readonly node: NodeOf<'Attention'> }
  | { readonly kind: 'own'; readonly node: OwnNode }

/**
 * Cuts a graph where our own kernels run, and before each product with another 4-bit weight: only one at a time lies in
 * scratch as plain values.
 * @param fusesAttention whether attention is part of the sessions
 */
export function planSteps({ graph, values }: GraphInfo, fusesAttention: boolean): readonly CudaStepPlan[] {
  const isPacked = (name: string): boolean => isGroupDType(values.get(name)!.dtype)
  const isOwnNode = (node: GraphNode): node is OwnNode =>
    node.operator === 'ArgMax' ||
    node.operator === 'QuantizeGroup' ||
    node.operator === 'DequantizeGroup' ||
    (node.operator === 'Gather' && isPacked(node.inputs[0]!))
  const isAlone = (node: GraphNode): boolean => isOwnNode(node) || (node.operator === 'Attention' && !fusesAttention)
  const packedOf = (nodes: readonly GraphNode[]): string[] => [
    ...new Set(nodes.flatMap(({ inputs }) => inputs.filter(isPacked))),
  ]
  const isCut = (node: GraphNode, before: readonly GraphNode[]): boolean =>
    packedOf([...before, node]).length > Math.max(1, packedOf(before).length)
  return cutGraph(graph, isAlone, isCut).map(({ nodes, inputs, outputs }): CudaStepPlan => {
    const [node] = nodes
    if (isOwnNode(node!)) return { kind: 'own', node }
    if (node!.operator === 'Attention' && !fusesAttention) return { kind: 'attention', node }
    const lengths = nodes.some(({ operator }) => operator === 'Attention') ? ['lengths'] : []
    return { kind: 'dense', nodes, inputs: [...inputs, ...lengths], outputs, packed: packedOf(nodes) }
  })
}
