import type { GraphNode } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { planGraph } from './plan-graph.ts'

const relu = (input: string, output: string): GraphNode => ({
  operator: 'Relu',
  inputs: [input],
  outputs: [output],
  attributes: {},
})
const add = (a: string, b: string, output: string): GraphNode => ({
  ...relu(a, output),
  operator: 'Add',
  inputs: [a, b],
})
const attention: GraphNode = {
  operator: 'Attention',
  inputs: ['q', 'k', 'v'],
  outputs: ['attended'],
  attributes: { cache: 'kv', heads: 1, kvHeads: 1, headDim: 4, scale: 1, sparsity: 1 },
}

it('planGraph cuts at each attention, and hands on what later steps or somebody outside need', () => {
  const value = (name: string): { name: string; dtype: 'float32'; shape: [4]; role: 'hidden' } => ({
    name,
    dtype: 'float32',
    shape: [4],
    role: 'hidden',
  })
  const nodes = [
    relu('x', 'q'),
    relu('x', 'k'),
    relu('k', 'v'),
    attention,
    add('attended', 'k', 'sum'),
    relu('sum', 'y'),
  ]
  const graph = { name: 'layer', inputs: [value('x')], outputs: [value('y'), value('sum')], caches: [], nodes }
  expect(planGraph(graph)).toEqual([
    { kind: 'dense', nodes: nodes.slice(0, 3), inputs: ['x'], outputs: ['q', 'k', 'v'] },
    { kind: 'attention', node: attention },
    { kind: 'dense', nodes: nodes.slice(4), inputs: ['attended', 'k'], outputs: ['sum', 'y'] },
  ])
})
