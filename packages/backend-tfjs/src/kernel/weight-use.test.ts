import type { GraphNode, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { weightUse } from './weight-use.ts'

const linear = (transposed: boolean, w = 'w'): GraphNode => ({
  operator: 'Linear',
  inputs: ['x', w, 'b'],
  outputs: ['y'],
  attributes: { transposed },
})
const gather: GraphNode = { operator: 'Gather', inputs: ['w', 'ids'], outputs: ['y'], attributes: { indexOffset: 0 } }

const graphOf = (...nodes: GraphNode[]): LayerGraph => ({ name: 'test', inputs: [], outputs: [], caches: [], nodes })

describe('how a graph uses a weight', () => {
  it('is as the matrix of its products, one way round', () => {
    expect(weightUse(graphOf(linear(true)), 'w')).toEqual({ kind: 'matrix', transposed: true })
    expect(weightUse(graphOf(linear(false), linear(false)), 'w')).toEqual({ kind: 'matrix', transposed: false })
  })

  it('is as a table of look-ups', () => expect(weightUse(graphOf(gather), 'w')).toEqual({ kind: 'table' }))

  it.each([
    ['products both ways round', graphOf(linear(true), linear(false))],
    ['look-ups and products', graphOf(gather, linear(true))],
    ['no use at all', graphOf()],
  ])('is as any tensor for %s', (_title, graph) => expect(weightUse(graph, 'w')).toEqual({ kind: 'tensor' }))

  it('is as any tensor for a bias', () => expect(weightUse(graphOf(linear(true)), 'b')).toEqual({ kind: 'tensor' }))
})
