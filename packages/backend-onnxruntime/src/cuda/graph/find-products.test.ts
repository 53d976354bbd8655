import type { DType, GraphNode, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { describeGraph } from '../../graphs/graph-info.ts'
import { cudaCapabilities } from './cuda-capabilities.ts'
import { findProducts, type GraphProduct, orderByProducts } from './find-products.ts'

const linear = (x: string, y: string): GraphNode => ({
  operator: 'Linear',
  inputs: [x, 'w', 'b'],
  outputs: [y],
  attributes: { transposed: true },
})
const relu = (x: string, y: string): GraphNode => ({ operator: 'Relu', inputs: [x], outputs: [y], attributes: {} })
const add = (a: string, b: string, y: string): GraphNode => ({
  operator: 'Add',
  inputs: [a, b],
  outputs: [y],
  attributes: {},
})
const split = (x: string, ...sizes: number[]): GraphNode => ({
  operator: 'Split',
  inputs: [x],
  outputs: sizes.map((_, i) => `part ${i}`),
  attributes: { sizes },
})

/** The products of nodes that read `x` and `z` of 64 values. */
function productsOf(
  nodes: readonly GraphNode[],
  outputs: readonly string[],
  dtypes: { readonly weight?: DType; readonly output?: DType } = {},
): GraphProduct[] {
  const value = (name: string, dtype: DType): LayerGraph['outputs'][number] => ({
    name,
    dtype,
    shape: ['batch', 'seq', 64],
    role: 'hidden',
  })
  const { weight = 'float16', output = 'float16' } = dtypes
  const graph: LayerGraph = {
    name: 'layer',
    inputs: [
      value('x', 'float16'),
      value('z', 'float16'),
      { name: 'w', dtype: weight, shape: [64, 64], role: 'weight' },
      { name: 'b', dtype: 'float16', shape: [64], role: 'weight' },
    ],
    outputs: outputs.map((name) => value(name, output)),
    caches: [],
    nodes,
  }
  const info = describeGraph(graph, cudaCapabilities)
  const products = findProducts(info)
  expect(new Set(orderByProducts(nodes, products))).toEqual(new Set(nodes))
  return [...new Set(products.values())]
}

const whole = (output: string): GraphProduct['parts'] => [{ output, start: 0, width: 64 }]

describe('a product', () => {
  it('takes the Relu behind it', () => {
    const nodes = [linear('x', 'y'), relu('y', 'r')]
    expect(productsOf(nodes, ['r'])).toEqual([{ nodes, isRectified: true, residual: undefined, parts: whole('r') }])
  })

  it('takes the sum with whatever has its shape, on either side, and runs where the sum stood', () => {
    const nodes = [linear('x', 'y'), relu('z', 'other'), add('other', 'y', 'sum')]
    const [linearNode, reluNode, addNode] = nodes as [GraphNode, GraphNode, GraphNode]
    const [product] = productsOf(nodes, ['sum'])
    expect(product).toMatchObject({ nodes: [linearNode, addNode], residual: 'other', parts: whole('sum') })
    const products = new Map<GraphNode, GraphProduct>([linearNode, addNode].map((node) => [node, product!]))
    expect(orderByProducts(nodes, products)).toEqual([reluNode, linearNode, addNode])
  })

  it('writes the pieces of a Split, each from its lines of the weight', () => {
    const [product] = productsOf([linear('x', 'y'), split('y', 16, 48)], ['part 1'], {})
    expect(product?.parts).toEqual([
      { output: 'part 0', start: 0, width: 16 },
      { output: 'part 1', start: 16, width: 48 },
    ])
  })

  it('leaves a Split whose pieces begin where kernels cannot read', () => {
    const [product] = productsOf([linear('x', 'y'), split('y', 3, 61)], ['part 0'])
    expect(product).toMatchObject({ parts: whole('y') })
    expect(product?.nodes).toHaveLength(1)
  })

  it('stands alone where others read its result, or it is added to itself', () => {
    for (const nodes of [
      [linear('x', 'y'), relu('y', 'r'), add('y', 'r', 'sum')],
      [linear('x', 'y'), add('y', 'y', 'sum')],
    ])
      expect(productsOf(nodes, ['sum'])).toMatchObject([{ nodes: [nodes[0]], residual: undefined }])
    expect(productsOf([linear('x', 'y'), relu('y', 'r')], ['y', 'r'])).toMatchObject([{ isRectified: false }])
  })

  it('of two that are added takes the first with its sum', () => {
    const nodes = [linear('x', 'one'), linear('z', 'two'), add('one', 'two', 'sum')]
    expect(productsOf(nodes, ['sum'])).toMatchObject([
      { nodes: [nodes[0], nodes[2]], residual: 'two' },
      { nodes: [nodes[1]], residual: undefined },
    ])
  })

  it('has one type: a weight of another is cast by a session, and so is a wide output', () => {
    expect(productsOf([linear('x', 'y')], ['y'], { weight: 'float32' })).toEqual([])
    expect(productsOf([linear('x', 'y')], ['y'], { output: 'float32' })).toEqual([])
    expect(productsOf([linear('x', 'y')], ['y'], { weight: 'q4g64' })).toHaveLength(1)
  })
})
