import { createHostBuffer, floatsOf, floatTensor, intTensor, randomFloats, runGraph } from '@flexgen/conformance'
import { cachePageBytes, type CacheRow, type CacheSpec, type GraphNode, type LayerGraph, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createReferenceBackend } from '../src/index.ts'

const width = 128
const shape = ['batch', 'seq', width] as const

/** A graph of 4-bit and float activations. */
function graphOf(nodes: readonly GraphNode[], dtype: 'float32' | 'q4g64'): LayerGraph {
  return {
    name: 'four-bit',
    inputs: [{ name: 'x', dtype: 'float32', shape, role: 'activation' }],
    outputs: [{ name: 'y', dtype, shape, role: 'activation' }],
    caches: [],
    nodes,
  }
}

const quantize: GraphNode = { operator: 'QuantizeGroup', inputs: ['x'], outputs: ['g'], attributes: {} }
const dequantize: GraphNode = { operator: 'DequantizeGroup', inputs: ['g'], outputs: ['y'], attributes: {} }

describe('4-bit activations of the reference backend', () => {
  it('pass from one operator to the other within a graph, and between graphs', async () => {
    await using backend = createReferenceBackend()
    const x = floatTensor([2, 3, width], randomFloats(3, 6 * width))
    const { y } = await runGraph(backend, graphOf([quantize, dequantize], 'float32'), { x })
    const inOne = floatsOf(y!)
    expect(inOne).not.toEqual(floatsOf(x))
    const first = await runGraph(backend, graphOf([{ ...quantize, outputs: ['y'] }], 'q4g64'), { x })
    expect(first['y']!.bytes).toHaveLength(6 * 2 * 36)
    const second: LayerGraph = {
      ...graphOf([dequantize], 'float32'),
      inputs: [{ name: 'g', dtype: 'q4g64', shape, role: 'activation' }],
    }
    const { y: inTwo } = await runGraph(backend, second, { g: first['y']! })
    expect(floatsOf(inTwo!)).toEqual(inOne)
  })

  it.each([
    ['Relu over groups', [quantize, { operator: 'Relu', inputs: ['g'], outputs: ['y'], attributes: {} }]],
    ['groups of floats', [{ ...dequantize, inputs: ['x'] }]],
    ['floats where groups are declared', [quantize, { ...dequantize, outputs: ['z'] }]],
  ] as const)('are refused by compile: %s', async (_, nodes) => {
    await using backend = createReferenceBackend()
    await expect(backend.compile(graphOf(nodes, 'float32'))).rejects.toMatchObject({ code: 'UNSUPPORTED_DATA' })
  })
})

const spec: CacheSpec = { kvHeads: 2, headDim: 64, maxPositions: 8, dtype: 'q4g64' }

const attentionGraph: LayerGraph = {
  name: 'attention',
  inputs: [
    ...(['q', 'k', 'v'] as const).map((name) => ({
      name,
      dtype: 'float32' as const,
      shape,
      role: 'activation' as const,
    })),
    { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
    { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape, role: 'activation' }],
  caches: [{ name: 'kv', kvHeads: 2, headDim: 64 }],
  nodes: [
    {
      operator: 'Attention',
      inputs: ['q', 'k', 'v'],
      outputs: ['y'],
      attributes: { cache: 'kv', heads: 2, kvHeads: 2, headDim: 64, scale: 0.125, sparsity: 1 },
    },
  ],
}

/** Two sequences of three tokens. */
const inputs = {
  q: floatTensor([2, 3, width], randomFloats(1, 6 * width)),
  k: floatTensor([2, 3, width], randomFloats(2, 6 * width)),
  v: floatTensor([2, 3, width], randomFloats(3, 6 * width)),
  positions: intTensor([2, 3], [0, 1, 2, 0, 1, 2]),
  lengths: intTensor([2], [3, 3]),
}

describe('4-bit caches of the reference backend', () => {
  it('take 36 bytes for 64 values, and are viewed where they lie', async () => {
    await using backend = createReferenceBackend()
    const cache = backend.allocateCache(spec, 2)
    expect(backend.memory().deviceBytes).toBe(2 * 2 * 2 * 8 * 36)
    const own = [0, 1].map((row): CacheRow => ({ cache, row }))
    const { y: expected } = await runGraph(backend, attentionGraph, inputs, { caches: { kv: own } })

    const pageBytes = cachePageBytes(spec, spec.maxPositions)
    const page = createHostBuffer(2 * pageBytes)
    const pages = [0, 1].map((row) => ({ span: spanOf(page, row * pageBytes, pageBytes), positions: 8 }))
    const view = backend.viewCache!(pages, spec)
    const viewed = [0, 1].map((row): CacheRow => ({ cache: view, row }))
    const { y } = await runGraph(backend, attentionGraph, inputs, { caches: { kv: viewed } })
    expect(y).toEqual(expected)

    const copy = createHostBuffer(pageBytes)
    await backend
      .createQueue('read')
      .copyFromCache(
        { page: { span: spanOf(copy), positions: 8 }, position: 0 },
        { cache, row: 1, position: 0, count: 8 },
      )
      .whenDone()
    expect(copy.bytes).toEqual(page.bytes.subarray(pageBytes))
  })

  it('are not mixed with others in one run', async () => {
    await using backend = createReferenceBackend()
    const rows = (['q4g64', 'float32'] as const).map((dtype): CacheRow => {
      return { cache: backend.allocateCache({ ...spec, dtype }, 1), row: 0 }
    })
    await expect(runGraph(backend, attentionGraph, inputs, { caches: { kv: rows } })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('rows of q4g64 and of float32'),
    })
  })
})
