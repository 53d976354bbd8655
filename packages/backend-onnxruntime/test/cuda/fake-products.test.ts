import { createReferenceBackend } from '@flexgen/backend-reference'
import {
  assertClose,
  floatsOf,
  floatTensor,
  intTensor,
  randomFloats,
  runGraph,
  runKernel,
  type TensorData,
} from '@flexgen/conformance'
import { type Backend, elementCount, type GraphNode, type GraphValue, type LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createFakeBackend, readFake } from './fake-cuda.ts'

const value = (name: string, width: number): GraphValue => ({
  name,
  dtype: 'float32',
  shape: ['batch', 'seq', width],
  role: 'activation',
})
const weight = (name: string, ...shape: number[]): GraphValue => ({ name, dtype: 'float32', shape, role: 'weight' })
const positions: GraphValue = { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' }
const lengths: GraphValue = { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' }
const linear = (x: string, y: string, transposed = true): GraphNode => ({
  operator: 'Linear',
  inputs: [x, 'w', 'b'],
  outputs: [y],
  attributes: { transposed },
})
const attention = (cache: string, y: string): GraphNode => ({
  operator: 'Attention',
  inputs: ['q', 'k', 'v'],
  outputs: [y],
  attributes: { cache, heads: 2, kvHeads: 2, headDim: 64, scale: 0.125, sparsity: 1 },
})
const random = (seed: number, ...shape: number[]): TensorData =>
  floatTensor(shape, randomFloats(seed, elementCount(shape)))

/** The one output, here and by the oracle. */
async function bothWays(graph: LayerGraph, inputs: Readonly<Record<string, TensorData>>): Promise<Float32Array[]> {
  await using backend = await createFakeBackend()
  await using oracle = createReferenceBackend()
  const [{ name }] = graph.outputs as [GraphValue]
  const results = [await runGraph(backend, graph, inputs), await runGraph(oracle, graph, inputs)]
  return results.map((result) => floatsOf(result[name]!))
}
const near = { absolute: 1e-5, relative: 1e-5 }

describe('products on a fake CUDA driver', () => {
  it.each([true, false])(
    'writes every piece of a Split, also what nobody reads (transposed: %s)',
    async (transposed) => {
      const split: GraphNode = {
        operator: 'Split',
        inputs: ['y'],
        outputs: ['first', 'second', 'third'],
        attributes: { sizes: [16, 32, 16] },
      }
      const nodes = [linear('x', 'y', transposed), split]
      const shape = transposed ? ([64, 24] as const) : ([24, 64] as const)
      const inputs = [value('x', 24), weight('w', ...shape), weight('b', 64)]
      const graph = { name: 'split', inputs, outputs: [value('second', 32)], caches: [], nodes }
      const [found, wanted] = await bothWays(graph, {
        x: random(1, 2, 3, 24),
        w: random(2, ...shape),
        b: random(3, 64),
      })
      expect(wanted!.some((value) => value !== 0)).toBe(true)
      assertClose(found!, wanted!, near)
    },
  )

  it('adds what is made after it, and rectifies', async () => {
    const relu = (x: string, y: string): GraphNode => ({ operator: 'Relu', inputs: [x], outputs: [y], attributes: {} })
    const add: GraphNode = { operator: 'Add', inputs: ['later', 'y'], outputs: ['sum'], attributes: {} }
    const nodes = [linear('x', 'y'), relu('x', 'later'), add, linear('sum', 'z'), relu('z', 'out')]
    const inputs = [value('x', 16), weight('w', 16, 16), weight('b', 16)]
    const graph = { name: 'sums', inputs, outputs: [value('out', 16)], caches: [], nodes }
    const [found, wanted] = await bothWays(graph, { x: random(4, 3, 2, 16), w: random(5, 16, 16), b: random(6, 16) })
    expect(wanted!.some((value) => value !== 0)).toBe(true)
    assertClose(found!, wanted!, near)
  })
})

describe('prompts on a fake CUDA driver', () => {
  const tokens = ['q', 'k', 'v'].map((name) => value(name, 128))
  const spec = { kvHeads: 2, headDim: 64, maxPositions: 8 } as const
  const inputs = { q: random(7, 2, 4, 128), k: random(8, 2, 4, 128), v: random(9, 2, 4, 128) }
  const system = {
    positions: intTensor([2, 4], [0, 1, 2, 3, 0, 1, 2, 3]),
    lengths: intTensor([2], [4, 2]),
  }
  const graphOf = (nodes: readonly GraphNode[], outputs: readonly string[]): LayerGraph => ({
    name: 'prompts',
    inputs: [...tokens, positions, lengths],
    outputs: outputs.map((name) => value(name, 128)),
    caches: nodes.map(({ attributes }) => ({ name: (attributes as { cache: string }).cache, kvHeads: 2, headDim: 64 })),
    nodes,
  })
  const rowsOf = (
    backend: Backend,
    dtype: 'float32' | 'q4g64',
  ): { cache: ReturnType<Backend['allocateCache']>; row: number }[] => {
    const cache = backend.allocateCache({ ...spec, dtype }, 2)
    return [0, 1].map((row) => ({ cache, row }))
  }
  /** What is attended for the tokens that there are: four of the first row, two of the second. */
  const valid = (tensor: TensorData | undefined): Float32Array => floatsOf(tensor!).slice(0, 6 * 128)

  it.each(['float32', 'q4g64'] as const)('what lies behind a shorter prompt may be no numbers (%s)', async (dtype) => {
    await using backend = await createFakeBackend()
    const graph = graphOf([attention('kv', 'y')], ['y'])
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => {
        const values = floatsOf(tensor).slice()
        values.fill(Number.NaN, 6 * 128)
        return [name, floatTensor(tensor.shape, values)]
      }),
    )
    const run = async (given: Readonly<Record<string, TensorData>>): Promise<TensorData | undefined> =>
      (await runGraph(backend, graph, { ...given, ...system }, { caches: { kv: rowsOf(backend, dtype) } }))['y']
    const [whole, found] = [await run(inputs), await run(spoilt)]
    expect(valid(whole).every(Number.isFinite)).toBe(true)
    expect(valid(found)).toEqual(valid(whole))
  })

  it('one graph fills caches that are kept in different ways, and may read none of what it attends to', async () => {
    await using backend = await createFakeBackend()
    const graph = graphOf(
      [attention('plain', 'y'), attention('groups', 'z'), attention('unread', 'unread y')],
      ['y', 'z'],
    )
    const caches = {
      plain: rowsOf(backend, 'float32'),
      groups: rowsOf(backend, 'q4g64'),
      unread: rowsOf(backend, 'float32'),
    }
    const { y, z } = await runGraph(backend, graph, { ...inputs, ...system }, { caches })
    assertClose(valid(z), valid(y), { absolute: 0.5, relative: 0 })
    expect(valid(z)).not.toEqual(valid(y))
  })

  it('own kernels are loaded when a graph is compiled, not in its first run', async () => {
    await using backend = await createFakeBackend()
    const norm: GraphNode = {
      operator: 'LayerNormalization',
      inputs: ['y', 'scale', 'shift'],
      outputs: ['normed'],
      attributes: { epsilon: 1e-5 },
    }
    const attended = graphOf([attention('kv', 'y')], ['y'])
    const graph: LayerGraph = {
      ...attended,
      inputs: [...attended.inputs, weight('scale', 128), weight('shift', 128)],
      outputs: [value('normed', 128)],
      nodes: [...attended.nodes, norm],
    }
    const before = readFake('fakeModules')
    await using kernel = await backend.compile(graph)
    const compiled = readFake('fakeModules')
    expect(compiled).toBe(before + 3)
    const given = { ...inputs, ...system, scale: random(4, 128), shift: random(5, 128) }
    await runKernel(backend, kernel, given, { caches: { kv: rowsOf(backend, 'float32') } })
    expect(readFake('fakeModules')).toBe(compiled)
  })
})
