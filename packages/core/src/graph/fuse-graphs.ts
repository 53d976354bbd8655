import type { GraphCache, GraphValue, LayerGraph } from '@flexgen/spec'

/**
 * One graph of several that chain by value names: what one writes and a later one reads becomes internal. Outputs
 * are those of the last graph, and those of others that are named in `kept`.
 */
export function fuseGraphs(
  name: string,
  graphs: readonly LayerGraph[],
  kept: ReadonlySet<string> = new Set(),
): LayerGraph {
  if (graphs.length === 1) return { ...graphs[0]!, name }
  const written = new Set<string>()
  const inputs = new Map<string, GraphValue>()
  const caches = new Map<string, GraphCache>()
  for (const graph of graphs) {
    for (const input of graph.inputs) if (!written.has(input.name)) inputs.set(input.name, input)
    for (const cache of graph.caches) caches.set(cache.name, cache)
    for (const node of graph.nodes) for (const output of node.outputs) written.add(output)
  }
  return {
    name,
    inputs: [...inputs.values()],
    outputs: graphs.flatMap(({ outputs }, i) =>
      i === graphs.length - 1 ? outputs : outputs.filter((output) => kept.has(output.name)),
    ),
    caches: [...caches.values()],
    nodes: graphs.flatMap((graph) => graph.nodes),
  }
}

/** A copy of a graph with every value, cache and weight renamed; for layers that are merged into one. */
export function renameGraph(graph: LayerGraph, rename: (name: string) => string): LayerGraph {
  const value = (input: GraphValue): GraphValue =>
    input.role === 'system' ? input : { ...input, name: rename(input.name) }
  const system = new Set(graph.inputs.filter((input) => input.role === 'system').map((input) => input.name))
  const of = (name: string): string => (system.has(name) ? name : rename(name))
  return {
    ...graph,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    caches: graph.caches.map((cache) => ({ ...cache, name: rename(cache.name) })),
    nodes: graph.nodes.map((node) => {
      const renamed = { ...node, inputs: node.inputs.map(of), outputs: node.outputs.map(of) }
      return renamed.operator === 'Attention'
        ? { ...renamed, attributes: { ...renamed.attributes, cache: rename(renamed.attributes.cache) } }
        : renamed
    }),
  }
}
