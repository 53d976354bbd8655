import type { DType, GraphNode, LayerGraph } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { describeGraph } from '../../graphs/graph-info.ts'
import { cudaCapabilities } from './cuda-capabilities.ts'
import { planSteps } from './plan-steps.ts'

const linear = (x: string, weight: string, y: string): GraphNode => ({
  operator: 'Linear',
  inputs: [x, weight],
  outputs: [y],
  attributes: { transposed: true },
})
const attention: GraphNode = {
  operator: 'Attention',
  inputs: ['q', 'k', 'v'],
  outputs: ['attended'],
  attributes: { cache: 'kv', heads: 1, kvHeads: 1, headDim: 64, scale: 1, sparsity: 1 },
}
const nodes: GraphNode[] = [
  { operator: 'Gather', inputs: ['table', 'ids'], outputs: ['x'], attributes: { indexOffset: 0 } },
  linear('x', 'w', 'q'),
  linear('x', 'half', 'k'),
  linear('x', 'other', 'v'),
  attention,
  linear('attended', 'w', 'y'),
]

function graphOf(dtype: DType): LayerGraph {
  const weight = (name: string, own: DType): LayerGraph['inputs'][number] => ({
    name,
    dtype: own,
    shape: [64, 64],
    role: 'weight',
  })
  const system = (name: string, shape: LayerGraph['inputs'][number]['shape']): LayerGraph['inputs'][number] => ({
    name,
    dtype: 'int32',
    shape,
    role: 'system',
  })
  return {
    name: 'layer',
    inputs: [
      weight('table', dtype),
      weight('w', dtype),
      weight('half', 'float16'),
      weight('other', dtype),
      system('ids', ['batch', 'seq']),
      system('positions', ['batch', 'seq']),
      system('lengths', ['batch']),
    ],
    outputs: [{ name: 'y', dtype: 'float16', shape: ['batch', 'seq', 64], role: 'hidden' }],
    caches: [{ name: 'kv', kvHeads: 1, headDim: 64 }],
    nodes,
  }
}
const plan = (dtype: DType, fusesAttention: boolean): readonly unknown[] =>
  planSteps(describeGraph(graphOf(dtype), cudaCapabilities), fusesAttention)

it('plain weights are cut at attention alone, or not at all', () => {
  const inputs = ['table', 'ids', 'w', 'half', 'other']
  expect(plan('float16', true)).toEqual([
    { kind: 'dense', nodes, inputs: [...inputs, 'lengths'], outputs: ['y'], packed: [] },
  ])
  expect(plan('float16', false)).toEqual([
    { kind: 'dense', nodes: nodes.slice(0, 4), inputs, outputs: ['q', 'k', 'v'], packed: [] },
    { kind: 'attention', node: attention },
    { kind: 'dense', nodes: nodes.slice(5), inputs: ['attended', 'w'], outputs: ['y'], packed: [] },
  ])
})

it('a choice of ids is a step of its own, which reads what the graph gives', () => {
  const graph = graphOf('float16')
  const choice: GraphNode = { operator: 'ArgMax', inputs: ['y'], outputs: ['ids of y'], attributes: {} }
  const ids = { name: 'ids of y', dtype: 'int32', shape: ['batch', 'seq'], role: 'activation' } as const
  const head = { ...graph, nodes: [linear('x', 'w', 'y'), choice], outputs: [...graph.outputs, ids] }
  const x = { name: 'x', dtype: 'float16', shape: ['batch', 'seq', 64], role: 'hidden' } as const
  const info = describeGraph({ ...head, inputs: [x, ...graph.inputs] }, cudaCapabilities)
  expect(planSteps(info, false)).toEqual([
    { kind: 'dense', nodes: head.nodes.slice(0, 1), inputs: ['x', 'w'], outputs: ['y'], packed: [] },
    { kind: 'own', node: choice },
  ])
})

it('of 4-bit weights one at a time is unpacked, and tables are read by a kernel', () => {
  const [gather, ...rest] = nodes
  expect(plan('q4g64', true)).toEqual([
    { kind: 'own', node: gather },
    { kind: 'dense', nodes: rest.slice(0, 2), inputs: ['x', 'w', 'half'], outputs: ['q', 'k'], packed: ['w'] },
    {
      kind: 'dense',
      nodes: rest.slice(2, 4),
      inputs: ['x', 'other', 'q', 'k', 'lengths'],
      outputs: ['attended'],
      packed: ['other'],
    },
    { kind: 'dense', nodes: rest.slice(4), inputs: ['attended', 'w'], outputs: ['y'], packed: ['w'] },
  ])
  expect(plan('q4g64', false).map((step) => (step as { kind: string }).kind)).toEqual([
    'own',
    'dense',
    'dense',
    'attention',
    'dense',
  ])
})
