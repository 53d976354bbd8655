import type { LayerGraph } from '@flexgen/spec'

const known = new WeakMap<LayerGraph, readonly (readonly string[])[]>()

/** For every node, in order, the values that nobody reads after it; outputs of the graph are never among them. */
export function lastUses(graph: LayerGraph): readonly (readonly string[])[] {
  const uses = known.get(graph) ?? findLastUses(graph)
  known.set(graph, uses)
  return uses
}

function findLastUses(graph: LayerGraph): string[][] {
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const last = new Map<string, number>()
  for (const [index, node] of graph.nodes.entries())
    for (const name of [...node.inputs, ...node.outputs, ...impliedInputs(node.operator)]) last.set(name, index)
  const drops: string[][] = graph.nodes.map(() => [])
  for (const [name, index] of last) if (!outputs.has(name)) drops[index]!.push(name)
  return drops
}

function impliedInputs(operator: string): string[] {
  return operator === 'Attention' || operator === 'LastPosition' ? ['positions', 'lengths'] : []
}
