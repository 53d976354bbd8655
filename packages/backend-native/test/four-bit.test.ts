import { createReferenceBackend } from '@flexgen/backend-reference'
import {
  assertBytes,
  assertClose,
  assertRefused,
  createRandom,
  floatsOf,
  floatTensor,
  runGraph,
  type TensorData,
} from '@flexgen/conformance'
import { dequantizeRows, quantizedRowsBytes, quantizeRows } from '@flexgen/quantize'
import { elementCount, type GraphNode, type LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { availableLevels } from './support/levels.ts'
import { activation, attentionCase, type AttentionSizes, randomTensor, weight } from './support/random-graph.ts'
import { cacheContent, runAttention } from './support/run-case.ts'

/** Values in groups along the last axis, and what the groups stand for. */
function quantized(tensor: TensorData): { groups: TensorData; values: TensorData } {
  const width = tensor.shape.at(-1)!
  const rows = elementCount(tensor.shape) / width
  const bytes = new Uint8Array(quantizedRowsBytes(rows, width))
  quantizeRows('float32', floatsOf(tensor), width, bytes)
  const values = new Float32Array(rows * width)
  dequantizeRows(bytes, width, values)
  return { groups: { dtype: 'q4g64', shape: tensor.shape, bytes }, values: floatTensor(tensor.shape, values) }
}

function graphOf(dtype: 'q4g64' | 'float32', shape: readonly number[], node: GraphNode, width: number): LayerGraph {
  const inputs =
    node.operator === 'Gather'
      ? [{ name: 'x', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' } as const]
      : [activation('x', shape[1]!)]
  return {
    name: node.operator,
    inputs: [...inputs, weight('w', shape, dtype)],
    outputs: [activation('y', width)],
    caches: [],
    nodes: [node],
  }
}

const attentions: readonly AttentionSizes[] = [
  {
    heads: 2,
    kvHeads: 2,
    headDim: 64,
    sparsity: 1,
    maxPositions: 300,
    rows: [
      [0, 1],
      [16, 1],
      [255, 1],
    ],
  },
  {
    heads: 4,
    kvHeads: 2,
    headDim: 128,
    sparsity: 1,
    maxPositions: 1300,
    rows: [
      [1200, 1],
      [1023, 1],
    ],
  },
  {
    heads: 2,
    kvHeads: 1,
    headDim: 64,
    sparsity: 1,
    maxPositions: 260,
    rows: [
      [0, 201],
      [40, 96],
      [7, 1],
    ],
  },
  {
    heads: 2,
    kvHeads: 2,
    headDim: 192,
    sparsity: 0.4,
    maxPositions: 130,
    rows: [
      [120, 1],
      [3, 1],
    ],
  },
]

describe.each(await availableLevels())('kernels for %s', (level) => {
  it('linear with 4-bit weights agrees with the oracle on the values of the groups', async () => {
    await using backend = await createNativeBackend({ level, threads: 2, fourBit: true })
    await using oracle = createReferenceBackend()
    const random = createRandom(4)
    for (const rows of [1, 2, 3, 4, 6, 8, 70]) {
      const [out, inner] = [random.integer(1, 150), 64 * random.integer(1, 9)]
      const { groups, values } = quantized(randomTensor(random, [out, inner]))
      const node: GraphNode = {
        operator: 'Linear',
        inputs: ['x', 'w'],
        outputs: ['y'],
        attributes: { transposed: true },
      }
      const x = randomTensor(random, [1, rows, inner])
      const expected = await runGraph(oracle, graphOf('float32', [out, inner], node, out), { x, w: values })
      const actual = await runGraph(backend, graphOf('q4g64', [out, inner], node, out), { x, w: groups })
      const allowed = { absolute: 5e-4, relative: 1e-4 }
      assertClose(floatsOf(actual['y']!), floatsOf(expected['y']!), allowed, `${rows} rows, [${out}, ${inner}]`)
    }
  })

  it('attention over a 4-bit cache agrees with the oracle on the values of the groups', async () => {
    await using backend = await createNativeBackend({ level, threads: 2, fourBit: true })
    await using oracle = createReferenceBackend()
    for (const [seed, sizes] of attentions.entries()) {
      const shape = [2, sizes.kvHeads, sizes.maxPositions, sizes.headDim]
      const content = cacheContent(sizes, 'float32').map((values) => quantized(floatTensor(shape, values)))
      const graphCase = attentionCase(createRandom(seed), sizes)
      // New keys and values become groups of a head, too.
      const rounded: Record<string, TensorData> = { ...graphCase.inputs }
      for (const name of ['k', 'v']) {
        const { shape: own } = rounded[name]!
        const heads = [elementCount(own) / sizes.headDim, sizes.headDim]
        const { values } = quantized(floatTensor(heads, floatsOf(rounded[name]!)))
        rounded[name] = floatTensor(own, floatsOf(values))
      }
      const plain = content.map(({ values }) => values.bytes)
      const expected = await runAttention(oracle, { ...graphCase, inputs: rounded }, sizes, 'float32', plain)
      const groups = content.map((row) => row.groups.bytes)
      const actual = await runAttention(backend, graphCase, sizes, 'q4g64', groups)
      assertClose(floatsOf(actual), floatsOf(expected), { absolute: 5e-4, relative: 1e-3 }, graphCase.what)
    }
  })

  it('quantises to the bit as @flexgen/quantize does, and back', async () => {
    await using backend = await createNativeBackend({ level, threads: 2, fourBit: true })
    const random = createRandom(2)
    const x = randomTensor(random, [2, 5, 192])
    const special = floatsOf(x)
    special.fill(0.25, 64, 128)
    special.set([1e6, Number.NaN, Number.POSITIVE_INFINITY], 200)
    special.set([3e-9, -0], 400)
    const given = floatTensor([2, 5, 192], special)
    const { groups, values } = quantized(given)
    const quantize: LayerGraph = {
      name: 'quantise',
      inputs: [activation('x', 192)],
      outputs: [activation('y', 192, 'q4g64')],
      caches: [],
      nodes: [{ operator: 'QuantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }],
    }
    assertBytes((await runGraph(backend, quantize, { x: given }))['y']!.bytes, groups.bytes, 'groups')
    const dequantize: LayerGraph = {
      ...quantize,
      inputs: [activation('x', 192, 'q4g64')],
      outputs: [activation('y', 192)],
      nodes: [{ operator: 'DequantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }],
    }
    expect(floatsOf((await runGraph(backend, dequantize, { x: groups }))['y']!)).toEqual(floatsOf(values))
  })

  it('a table of 4-bit rows is gathered', async () => {
    await using backend = await createNativeBackend({ level, threads: 1, fourBit: true })
    const { groups, values } = quantized(randomTensor(createRandom(1), [5, 128]))
    const node: GraphNode = { operator: 'Gather', inputs: ['w', 'x'], outputs: ['y'], attributes: { indexOffset: 1 } }
    const x = { dtype: 'int32', shape: [1, 2], bytes: new Uint8Array(Int32Array.of(3, 0).buffer) } as const
    const { y } = await runGraph(backend, graphOf('q4g64', [5, 128], node, 128), { x, w: groups })
    const rows = floatsOf(values)
    expect(floatsOf(y!)).toEqual(Float32Array.of(...rows.slice(4 * 128), ...rows.slice(128, 256)))
  })
})

it('what has no whole groups is refused', async () => {
  await using backend = await createNativeBackend({ threads: 1, fourBit: true })
  const node: GraphNode = { operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }
  await assertRefused('weights', () => backend.compile(graphOf('q4g64', [4, 65], node, 4)), ['UNSUPPORTED_DATA'])
  const plain: GraphNode = { ...node, attributes: { transposed: false } }
  const graph = graphOf('q4g64', [64, 64], plain, 64)
  await assertRefused('weights [in, out]', () => backend.compile(graph), ['UNSUPPORTED_DATA'])
  const spec = { kvHeads: 1, headDim: 80, maxPositions: 4, dtype: 'q4g64' } as const
  await assertRefused('a cache', () => backend.allocateCache(spec, 1), ['UNSUPPORTED_DATA'])
})
