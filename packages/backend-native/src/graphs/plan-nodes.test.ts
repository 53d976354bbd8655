import type { GraphNode, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { planNodes } from './plan-nodes.ts'

const linear: GraphNode = {
  operator: 'Linear',
  inputs: ['x', 'w', 'b'],
  outputs: ['z'],
  attributes: { transposed: true },
}
const relu: GraphNode = { operator: 'Relu', inputs: ['z'], outputs: ['a'], attributes: {} }
const sum = (a: string, b: string): GraphNode => ({ operator: 'Add', inputs: [a, b], outputs: ['y'], attributes: {} })

function graphOf(nodes: readonly GraphNode[], outputs: readonly string[]): LayerGraph {
  const value = (name: string) => ({ name, dtype: 'float32', shape: ['batch', 'seq', 4], role: 'activation' }) as const
  return {
    name: 'test',
    inputs: ['x', 'r', 'w', 'b'].map(value),
    outputs: outputs.map(value),
    caches: [],
    nodes,
  }
}

describe('planNodes', () => {
  it('takes an activation and a residual sum into Linear', () => {
    for (const last of [sum('a', 'r'), sum('r', 'a')])
      expect(planNodes(graphOf([linear, relu, last], ['y']))).toEqual([
        { node: linear, inputs: ['x', 'w', 'b', 'r'], outputs: ['y'], activation: 1 },
      ])
  })

  it('takes either alone', () => {
    expect(planNodes(graphOf([linear, relu], ['a']))).toMatchObject([{ outputs: ['a'], activation: 1 }])
    expect(planNodes(graphOf([linear, sum('z', 'r')], ['y']))).toMatchObject([{ outputs: ['y'], activation: 0 }])
  })

  it('leaves what somebody else needs', () => {
    expect(planNodes(graphOf([linear, relu], ['z', 'a']))).toHaveLength(2)
    expect(planNodes(graphOf([linear, relu, sum('a', 'z')], ['y']))).toHaveLength(3)
    expect(planNodes(graphOf([linear, sum('z', 'z')], ['y']))).toHaveLength(2)
  })

  it('adds nothing that is not there yet', () => {
    const late: GraphNode = { operator: 'Silu', inputs: ['x'], outputs: ['late'], attributes: {} }
    const nodes = [linear, late, sum('z', 'late')]
    expect(planNodes(graphOf(nodes, ['y'])).map(({ node }) => node)).toEqual(nodes)
  })
})
