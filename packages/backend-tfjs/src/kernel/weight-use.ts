import type { LayerGraph } from '@flexgen/spec'

/** How a graph uses a weight, which decides in what form it is kept. */
export type WeightUse =
  /** The matrix of products, all transposed or all not. */
  | { readonly kind: 'matrix'; readonly transposed: boolean }
  /** A table that only look-ups read: it stays in JavaScript, in its own dtype. */
  | { readonly kind: 'table' }
  /** Anything else: a float32 tensor. */
  | { readonly kind: 'tensor' }

/** How a graph uses one of its weights. */
export function weightUse(graph: LayerGraph, name: string): WeightUse {
  const uses = new Set<string>()
  for (const { operator, inputs, attributes } of graph.nodes) {
    for (const [index, input] of inputs.entries()) {
      if (input !== name) continue
      if (operator === 'Gather' && index === 0) uses.add('table')
      else if (operator === 'Linear' && index === 1) uses.add(`matrix ${attributes.transposed}`)
      else uses.add('tensor')
    }
  }
  const [use = 'tensor'] = uses
  if (uses.size > 1 || use === 'tensor') return { kind: 'tensor' }
  return use === 'table' ? { kind: 'table' } : { kind: 'matrix', transposed: use === 'matrix true' }
}
