import { type GraphNode, isGroupDType, type NodeOf } from '@flexgen/spec'
import type { GraphInfo } from '../../graphs/graph-info.ts'
import { cutGraph, type GraphPiece } from '../../graphs/plan-graph.ts'
import { findProducts, type GraphProduct, isOfOneType, orderByProducts } from './find-products.ts'

/** What kernels of our own compute: norms of one type, what reads or writes 4-bit groups, and the choice of ids. */
export type OwnNode = NodeOf<
  'Gather' | 'QuantizeGroup' | 'DequantizeGroup' | 'ArgMax' | 'LayerNormalization' | 'RMSNormalization'
>

/** What runs one after the other: a session, a product, attention on rows that lie anywhere, or a kernel of our own. */
export type CudaStepPlan = GraphPiece &
  (
    | {
        readonly kind: 'dense'
        /** 4-bit weights that it reads as plain values. */
        readonly packed: readonly string[]
      }
    | { readonly kind: 'product'; readonly product: GraphProduct; readonly packed: readonly string[] }
    | { readonly kind: 'attention'; readonly node: NodeOf<'Attention'> }
    | { readonly kind: 'own'; readonly node: OwnNode }
  )

/**
 * Cuts a graph where products and our own kernels run, and before each reader of another 4-bit weight: only one at a time
 * lies in scratch as plain values.
 * @param fusesAttention whether attention is part of the sessions
 */
export function planSteps(info: GraphInfo, fusesAttention: boolean): readonly CudaStepPlan[] {
  const { graph, values } = info
  const products = findProducts(info)
  const isPacked = (name: string): boolean => isGroupDType(values.get(name)!.dtype)
  const isOwnNode = (node: GraphNode): node is OwnNode =>
    node.operator === 'ArgMax' ||
    node.operator === 'QuantizeGroup' ||
    node.operator === 'DequantizeGroup' ||
    (node.operator === 'Gather' && isPacked(node.inputs[0]!)) ||
    ((node.operator === 'LayerNormalization' || node.operator === 'RMSNormalization') &&
      isOfOneType(info, [...node.inputs, ...node.outputs]))
  const isAlone = (node: GraphNode): boolean => isOwnNode(node) || (node.operator === 'Attention' && !fusesAttention)
  const packedOf = (nodes: readonly GraphNode[]): string[] => [
    ...new Set(nodes.flatMap(({ inputs }) => inputs.filter(isPacked))),
  ]
  const joins = (node: GraphNode, before: readonly GraphNode[]): boolean => {
    const [product, own] = [products.get(before[0]!), products.get(node)]
    if (product !== undefined || own !== undefined) return product === own
    if (isAlone(node) || isAlone(before[0]!)) return false
    return packedOf([...before, node]).length <= Math.max(1, packedOf(before).length)
  }
  const nodes = orderByProducts(graph.nodes, products)
  return cutGraph({ ...graph, nodes }, joins).map((piece): CudaStepPlan => {
    const [node] = piece.nodes
    const product = products.get(node!)
    // Kernels write all of their results, whether or not somebody reads them.
    if (product !== undefined) {
      const outputs = product.parts.map(({ output }) => output)
      return { kind: 'product', ...piece, outputs, product, packed: packedOf(piece.nodes) }
    }
    const { outputs } = node!
    if (isOwnNode(node!)) return { kind: 'own', ...piece, outputs, node }
    if (node!.operator === 'Attention' && !fusesAttention) return { kind: 'attention', ...piece, outputs, node }
    const lengths = piece.nodes.some(({ operator }) => operator === 'Attention') ? ['lengths'] : []
    return { kind: 'dense', ...piece, inputs: [...piece.inputs, ...lengths], packed: packedOf(piece.nodes) }
  })
}
