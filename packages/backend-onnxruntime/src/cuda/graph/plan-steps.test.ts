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
/** What the steps are: nodes of sessions, results of products, operators of own kernels. */
const stepsOf = (dtype: DType, fusesAttention: boolean): readonly string[] =>
  planSteps(describeGraph(graphOf(dtype), cudaCapabilities), fusesAttention).map((step) => {
    const packed = 'packed' in step && step.packed.length > 0 ? ` from ${String(step.packed)}` : ''
    if (step.kind === 'product') return `product ${step.product.parts.map(({ output }) => output).join(' ')}${packed}`
    return `${step.kind} ${step.nodes.map(({ operator }) => operator).join(' ')}${packed}`
  })

it('products and attention are steps of their own; the rest are sessions', () => {
  expect(stepsOf('float16', true)).toEqual([
    'dense Gather',
    'product q',
    'product k',
    'product v',
    'dense Attention',
    'product y',
  ])
  expect(stepsOf('float16', false)).toEqual([
    'dense Gather',
    'product q',
    'product k',
    'product v',
    'attention Attention',
    'product y',
  ])
  const info = describeGraph(graphOf('float16'), cudaCapabilities)
  expect(planSteps(info, true)[4]).toMatchObject({ inputs: ['q', 'k', 'v', 'lengths'], outputs: ['attended'] })
})

it('a choice of ids is a step of its own, which reads what the graph gives', () => {
  const graph = graphOf('float16')
  const choice: GraphNode = { operator: 'ArgMax', inputs: ['y'], outputs: ['ids of y'], attributes: {} }
  const ids = { name: 'ids of y', dtype: 'int32', shape: ['batch', 'seq'], role: 'activation' } as const
  const head = { ...graph, nodes: [linear('x', 'w', 'y'), choice], outputs: [...graph.outputs, ids] }
  const x = { name: 'x', dtype: 'float16', shape: ['batch', 'seq', 64], role: 'hidden' } as const
  const info = describeGraph({ ...head, inputs: [x, ...graph.inputs] }, cudaCapabilities)
  expect(planSteps(info, false)).toMatchObject([
    { kind: 'product', nodes: head.nodes.slice(0, 1), inputs: ['x', 'w'], outputs: ['y'], packed: [] },
    { kind: 'own', node: choice },
  ])
})

it('each product unpacks its own 4-bit weight, and tables are read by a kernel', () => {
  expect(stepsOf('q4g64', true)).toEqual([
    'own Gather',
    'product q from w',
    'product k',
    'product v from other',
    'dense Attention',
    'product y from w',
  ])
})

it('a norm is a kernel of our own where its weights are plain, and a session where they lie in groups', () => {
  const x = { name: 'x', dtype: 'float16', shape: ['batch', 'seq', 64], role: 'hidden' } as const
  const normOf = (dtype: DType): readonly string[] => {
    const scale = { name: 'scale', dtype, shape: [64], role: 'weight' } as const
    const norm: GraphNode = {
      operator: 'RMSNormalization',
      inputs: ['x', 'scale'],
      outputs: ['y'],
      attributes: { epsilon: 1e-5 },
    }
    const y = { ...x, name: 'y' }
    const graph = { name: 'norm', inputs: [x, scale], outputs: [y], caches: [], nodes: [norm] }
    return planSteps(describeGraph(graph, cudaCapabilities), false).map(({ kind }) => kind)
  }
  expect([normOf('float16'), normOf('q4g64')]).toEqual([['own'], ['dense']])
})
