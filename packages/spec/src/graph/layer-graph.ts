import type { GraphCache, GraphValue } from './graph-value.ts'
import type { GraphNode } from './graph-node.ts'

/** What a stage computes: data, no code. Nodes stand in an order in which they can run. */
export interface LayerGraph {
  readonly name: string
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  readonly caches: readonly GraphCache[]
  readonly nodes: readonly GraphNode[]
}
