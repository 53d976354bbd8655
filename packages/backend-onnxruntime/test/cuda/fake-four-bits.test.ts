import { createReferenceBackend } from '@flexgen/backend-reference'
import {
  assertBytes,
  assertClose,
  createHostBuffer,
  createRandom,
  floatsOf,
  floatTensor,
  intTensor,
  randomBytes,
  randomFloats,
  runGraph,
  runKernel,
  type TensorData,
} from '@flexgen/conformance'
import {
  type Backend,
  type CacheBuffer,
  cachePageBytes,
  type DType,
  type GraphNode,
  type GraphValue,
  type GroupDType,
  type LayerGraph,
  q4Group,
  spanOf,
  tensorBytes,
} from '@flexgen/spec'
import { describe, it } from 'vitest'
import { createFakeBackend } from './fake-cuda.ts'

// Sizes of real models, which the conformance suite does not have: several blocks, rows and passes of every kernel.

type Float = 'float32' | 'float16' | 'bfloat16'

const floats: readonly Float[] = ['float32', 'float16', 'bfloat16']

function graphOf(inputs: GraphValue[], nodes: GraphNode[], outputs: GraphValue[], caches: LayerGraph['caches'] = []) {
  return { name: 'four bits', inputs, outputs, caches, nodes } satisfies LayerGraph
}
const activation = (name: string, width: number, dtype: DType): GraphValue => ({
  name,
  dtype,
  shape: ['batch', 'seq', width],
  role: 'activation',
})
const system = (name: string, shape: GraphValue['shape']): GraphValue => ({
  name,
  dtype: 'int32',
  shape,
  role: 'system',
})

/** The same values, as the oracle takes them. */
const wide = (tensor: TensorData): TensorData => floatTensor(tensor.shape, floatsOf(tensor))

function groupTensor(seed: number, shape: readonly number[], dtype: GroupDType): TensorData {
  const bytes = randomBytes(seed, tensorBytes(dtype, shape))
  const random = createRandom(seed)
  for (let at = 0; at < bytes.length; at += q4Group.bytes)
    bytes.set(floatTensor([2], [random.next() / 4, -random.next()], 'float16').bytes, at + q4Group.nibbleBytes)
  return { dtype, shape, bytes }
}

describe('4-bit groups on a fake CUDA driver agree with the oracle', () => {
  it.each(['q4g64', 'q4g64c'] as const)('Linear with large %s weights, of any side', async (dtype) => {
    await using backend = await createFakeBackend()
    await using oracle = createReferenceBackend()
    for (const [rows, width] of [
      [70, 2500],
      [600, 130],
      [1, 64],
    ] as const) {
      const w = groupTensor(rows, [rows, width], dtype)
      for (const compute of ['float32', 'float16'] as const) {
        const x = floatTensor([2, 3, width], randomFloats(1, 6 * width), compute)
        const make = (type: Float): LayerGraph =>
          graphOf(
            [activation('x', width, type), { name: 'w', dtype, shape: [rows, width], role: 'weight' }],
            [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
            [activation('y', rows, type)],
          )
        const { y: expected } = await runGraph(oracle, make('float32'), { x: wide(x), w })
        const { y: actual } = await runGraph(backend, make(compute), { x, w })
        const share = compute === 'float32' ? 1e-5 : 4e-3
        const allowed = { absolute: share * width ** 0.5, relative: share }
        assertClose(floatsOf(actual!), floatsOf(expected!), allowed, `${rows} x ${width} in ${compute}`)
      }
    }
  })

  it('Gather from a wide table, in every dtype', async () => {
    await using backend = await createFakeBackend()
    const [rows, width] = [7, 2500]
    const table = groupTensor(3, [rows, width], 'q4g64')
    const ids = intTensor([2, 3], [4, 0, 2, 4, 1, 3])
    const make = (type: Float): LayerGraph =>
      graphOf(
        [{ name: 'table', dtype: 'q4g64', shape: [rows, width], role: 'weight' }, system('ids', ['batch', 'seq'])],
        [{ operator: 'Gather', inputs: ['table', 'ids'], outputs: ['y'], attributes: { indexOffset: 2 } }],
        [activation('y', width, type)],
      )
    const { y: expected } = await runGraph(createReferenceBackend(), make('float32'), { table, ids })
    for (const type of floats) {
      const { y } = await runGraph(backend, make(type), { table, ids })
      // The oracle's values, rounded once more.
      assertBytes(y!.bytes, floatTensor(y!.shape, floatsOf(expected!), type).bytes, type)
    }
  })

  it('QuantizeGroup rounds to the same bytes: ties, constants, tiny and huge ranges, and what has no numbers', async () => {
    await using backend = await createFakeBackend()
    const width = 2500
    const rows = 40
    const random = createRandom(5)
    const values = Float32Array.from({ length: rows * width }, (_, i) => {
      const group = Math.floor(i / 50)
      const size = 2 ** random.pick([-26, -12, -3, 0, 6, 15])
      if (group % 11 === 3) return 0.75
      if (group % 13 === 4) return random.integer(-8, 8) / 2
      if (group % 17 === 5 && i % 29 === 0) return random.pick([Number.NaN, Infinity, -Infinity, -0, 3e38])
      return (random.next() * 2 - 1) * size
    })
    const make = (type: Float): LayerGraph =>
      graphOf(
        [activation('x', width, type)],
        [{ operator: 'QuantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }],
        [activation('y', width, 'q4g64')],
      )
    const back = (type: Float): LayerGraph =>
      graphOf(
        [activation('x', width, 'q4g64')],
        [{ operator: 'DequantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }],
        [activation('y', width, type)],
      )
    for (const type of floats) {
      const x = floatTensor([4, rows / 4, width], values, type)
      const { y: expected } = await runGraph(createReferenceBackend(), make('float32'), { x: wide(x) })
      const { y } = await runGraph(backend, make(type), { x })
      assertBytes(y!.bytes, expected!.bytes, type)
      const { y: widened } = await runGraph(createReferenceBackend(), back('float32'), { x: expected! })
      const { y: again } = await runGraph(backend, back(type), { x: y! })
      const rounded = floatTensor(again!.shape, floatsOf(widened!), type)
      // NaN has many bit patterns.
      const named = (tensor: TensorData): Float32Array => floatsOf(tensor).map((x) => (Number.isNaN(x) ? 12345 : x))
      assertClose(named(again!), named(rounded), { absolute: 0, relative: 0 }, type)
    }
  })

  it.each(floats)(
    'long attention with a 4-bit cache in %s, prompts and decode; the cache to the byte',
    async (type) => {
      await using backend = await createFakeBackend()
      await using oracle = createReferenceBackend()
      for (const [headDim, prompt] of [
        [128, 290],
        [200, 33],
        [64, 140],
      ] as const) {
        const scenario = { heads: 4, kvHeads: 2, headDim, maxPositions: 300 }
        const expected = await attend(oracle, scenario, 'float32', type, [prompt, 1, 2, 1])
        const actual = await attend(backend, scenario, type, type, [prompt, 1, 2, 1])
        assertBytes(actual.cache, expected.cache, `the cache of heads of ${headDim}`)
        const share = { float32: 1e-5, float16: 2e-3, bfloat16: 1.6e-2 }[type]
        for (const [step, values] of expected.outputs.entries())
          assertClose(actual.outputs[step]!, values, { absolute: share, relative: share }, `${headDim}, step ${step}`)
      }
    },
  )
})

interface Scenario {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly maxPositions: number
}

/** Attends in steps to values that `rounding` can hold; gives outputs and what two sequences have in the cache. */
async function attend(
  backend: Backend,
  { heads, kvHeads, headDim, maxPositions }: Scenario,
  compute: Float,
  rounding: Float,
  steps: readonly number[],
): Promise<{ readonly outputs: readonly Float32Array[]; readonly cache: Uint8Array }> {
  const widths = { q: heads * headDim, k: kvHeads * headDim, v: kvHeads * headDim }
  const names = ['q', 'k', 'v'] as const
  const graph = graphOf(
    [
      ...names.map((name) => activation(name, widths[name], compute)),
      system('positions', ['batch', 'seq']),
      system('lengths', ['batch']),
    ],
    [
      {
        operator: 'Attention',
        inputs: [...names],
        outputs: ['y'],
        attributes: { cache: 'kv', heads, kvHeads, headDim, scale: headDim ** -0.5, sparsity: 1 },
      },
    ],
    [activation('y', widths.q, compute)],
    [{ name: 'kv', kvHeads, headDim }],
  )
  const spec = { kvHeads, headDim, maxPositions, dtype: 'q4g64' } as const
  const caches: CacheBuffer[] = [0, 1].map(() => backend.allocateCache(spec, 1))
  const rows = caches.map((cache) => ({ cache, row: 0 }))
  await using kernel = await backend.compile(graph)
  const outputs: Float32Array[] = []
  let start = 0
  for (const [step, count] of steps.entries()) {
    const inputs = names.map((name, kind): [string, TensorData] => {
      const values = randomFloats(10 * step + kind, 2 * count * widths[name]).map((value) => 2 * value)
      const rounded = floatTensor([2, count, widths[name]], values, rounding)
      return [name, compute === rounding ? rounded : wide(rounded)]
    })
    const positions = [0, 1].flatMap(() => Array.from({ length: count }, (_, i) => start + i))
    const system = {
      positions: intTensor([2, count], positions),
      lengths: intTensor([2], [start + count, start + count]),
    }
    const { y } = await runKernel(
      backend,
      kernel,
      { ...Object.fromEntries(inputs), ...system },
      { caches: { kv: rows } },
    )
    outputs.push(floatsOf(y!))
    start += count
  }
  const pages = rows.map((row) => {
    const host = createHostBuffer(cachePageBytes(spec, maxPositions))
    const page = { page: { span: spanOf(host), positions: maxPositions }, position: 0 }
    return { host, event: backend.createQueue('read').copyFromCache(page, { ...row, position: 0, count: start }) }
  })
  for (const { event } of pages) await event.whenDone()
  return { outputs, cache: Buffer.concat(pages.map(({ host }) => host.bytes)) }
}
