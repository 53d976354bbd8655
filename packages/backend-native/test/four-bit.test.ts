import { createReferenceBackend } from '@flexgen/backend-reference'
import {
  assertBytes,
  assertClose,
  assertRefused,
  createRandom,
  type Random,
  floatsOf,
  floatTensor,
  runGraph,
  type TensorData,
} from '@flexgen/conformance'
import { dequantizeColumns, dequantizeRows, quantizeColumns, quantizeRows } from '@flexgen/quantize'
import { elementCount, type GraphNode, type GroupDType, type LayerGraph, tensorBytes } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { availableLevels, hasNative } from './support/levels.ts'
import { activation, attentionCase, type AttentionSizes, randomTensor, weight } from './support/random-graph.ts'
import { cacheContent, runAttention } from './support/run-case.ts'

/** Values in groups, and what the groups stand for. */
function quantized(tensor: TensorData, dtype: GroupDType = 'q4g64'): { groups: TensorData; values: TensorData } {
  const { shape } = tensor
  const width = shape.at(-1)!
  const bytes = new Uint8Array(tensorBytes(dtype, shape))
  const values = new Float32Array(elementCount(shape))
  if (dtype === 'q4g64') {
    quantizeRows('float32', floatsOf(tensor), width, bytes)
    dequantizeRows(bytes, width, values)
  } else {
    quantizeColumns('float32', floatsOf(tensor), width, bytes)
    dequantizeColumns(bytes, width, values)
  }
  return { groups: { dtype, shape, bytes }, values: floatTensor(shape, values) }
}

function graphOf(dtype: GroupDType | 'float32', shape: readonly number[], node: GraphNode, width: number): LayerGraph {
  const isPlain = node.operator === 'Linear' && !node.attributes.transposed
  const inputs =
    node.operator === 'Gather'
      ? [{ name: 'x', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' } as const]
      : [activation('x', shape[isPlain ? 0 : 1]!)]
  return {
    name: node.operator,
    inputs: [...inputs, weight('w', shape, dtype)],
    outputs: [activation('y', width)],
    caches: [],
    nodes: [node],
  }
}

/** Linear with 4-bit weights of a form: what it gives for the groups, and its graph and inputs on their values. */
function linearOf(random: Random, dtype: GroupDType, rows: number, transposed: boolean) {
  const [out, inner] = [random.integer(1, 300), random.integer(1, 500)]
  const shape = transposed ? [out, inner] : [inner, out]
  const { groups, values } = quantized(randomTensor(random, shape), dtype)
  const node: GraphNode = { operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed } }
  const x = randomTensor(random, [1, rows, inner])
  return {
    what: `${rows} rows, ${dtype} [${shape.join(', ')}]`,
    narrow: [graphOf(dtype, shape, node, out), { x, w: groups }] as const,
    plain: [graphOf('float32', shape, node, out), { x, w: values }] as const,
  }
}

const forms: readonly GroupDType[] = ['q4g64', 'q4g64c']

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
    headDim: 80,
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

describe.skipIf(!hasNative).each(await availableLevels())('kernels for %s', (level) => {
  it.each(forms)('linear with %s weights agrees with the oracle on the values of the groups', async (dtype) => {
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    const random = createRandom(4)
    for (const rows of [1, 2, 3, 4, 5, 8, 13, 33, 70]) {
      for (const transposed of [true, false]) {
        const { what, narrow, plain } = linearOf(random, dtype, rows, transposed)
        const expected = await runGraph(oracle, ...plain)
        const actual = await runGraph(backend, ...narrow)
        assertClose(floatsOf(actual['y']!), floatsOf(expected['y']!), { absolute: 5e-4, relative: 1e-4 }, what)
      }
    }
  })

  it.each(forms)('linear with %s weights passes NaN and infinities on', async (dtype) => {
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    const random = createRandom(7)
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const { what, narrow, plain } = linearOf(random, dtype, 3, true)
      const { x } = narrow[1]
      const floats = floatsOf(x)
      floats[floats.length >> 1] = special
      const given = floatTensor(x.shape, floats)
      const expected = floatsOf((await runGraph(oracle, plain[0], { ...plain[1], x: given }))['y']!)
      const actual = floatsOf((await runGraph(backend, narrow[0], { ...narrow[1], x: given }))['y']!)
      const kinds = (values: Float32Array): string[] => [...values].map((v) => (Number.isFinite(v) ? '' : String(v)))
      expect({ what, kinds: kinds(actual) }).toEqual({ what, kinds: kinds(expected) })
      expect(kinds(expected).filter((kind) => kind === '')).toHaveLength((2 * expected.length) / 3)
    }
  })

  it('results do not depend on the number of threads', async () => {
    const results: Uint8Array[][] = []
    for (const threads of [1, 2, 5]) {
      await using backend = await createNativeBackend({ level, threads })
      const random = createRandom(6)
      const outputs: Uint8Array[] = []
      for (const dtype of forms)
        for (const rows of [1, 3, 8, 70])
          outputs.push((await runGraph(backend, ...linearOf(random, dtype, rows, true).narrow))['y']!.bytes)
      for (const [seed, sizes] of attentions.entries()) {
        const shape = [2, sizes.kvHeads, sizes.maxPositions, sizes.headDim]
        const content = cacheContent(sizes, 'float32').map((row) => quantized(floatTensor(shape, row)).groups.bytes)
        const graphCase = attentionCase(createRandom(seed), sizes)
        outputs.push((await runAttention(backend, graphCase, sizes, 'q4g64', content)).bytes)
      }
      results.push(outputs)
    }
    expect(results).toHaveLength(3)
    for (const [i, bytes] of results[0]!.entries())
      for (const others of results.slice(1)) assertBytes(others[i]!, bytes, `output ${i}`)
  })

  it('attention over a 4-bit cache agrees with the oracle on the values of the groups', async () => {
    await using backend = await createNativeBackend({ level, threads: 2 })
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
    await using backend = await createNativeBackend({ level, threads: 2 })
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
    await using backend = await createNativeBackend({ level, threads: 1 })
    const { groups, values } = quantized(randomTensor(createRandom(1), [5, 128]))
    const node: GraphNode = { operator: 'Gather', inputs: ['w', 'x'], outputs: ['y'], attributes: { indexOffset: 1 } }
    const x = { dtype: 'int32', shape: [1, 2], bytes: new Uint8Array(Int32Array.of(3, 0).buffer) } as const
    const { y } = await runGraph(backend, graphOf('q4g64', [5, 128], node, 128), { x, w: groups })
    const rows = floatsOf(values)
    expect(floatsOf(y!)).toEqual(Float32Array.of(...rows.slice(4 * 128), ...rows.slice(128, 256)))
  })
})

it.skipIf(!hasNative)('groups that no kernel reads are refused', async () => {
  await using backend = await createNativeBackend({ threads: 1 })
  const gather: GraphNode = { operator: 'Gather', inputs: ['w', 'x'], outputs: ['y'], attributes: { indexOffset: 0 } }
  const table = graphOf('q4g64c', [64, 64], gather, 64)
  await assertRefused('a table of columns', () => backend.compile(table), ['UNSUPPORTED_DATA'])
  const sum: GraphNode = { operator: 'Add', inputs: ['x', 'w'], outputs: ['y'], attributes: {} }
  await assertRefused('a sum', () => backend.compile(graphOf('q4g64', [1, 64], sum, 64)), ['UNSUPPORTED_DATA'])
  const spec = { kvHeads: 1, headDim: 257, maxPositions: 4, dtype: 'q4g64' } as const
  await assertRefused('a cache', () => backend.allocateCache(spec, 1), ['UNSUPPORTED_DATA'])
})
