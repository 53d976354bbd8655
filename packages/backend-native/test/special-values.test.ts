import { createReferenceBackend } from '@flexgen/backend-reference'
import { assertClose, createRandom, floatsOf, floatTensor, runGraph, type TensorData } from '@flexgen/conformance'
import type { GraphNode, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { availableLevels, hasNative } from './support/levels.ts'
import { activation, attentionCase, weight } from './support/random-graph.ts'
import { cacheContent, runAttention } from './support/run-case.ts'

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number
const x = floatTensor(
  [1, 3, 20],
  Float32Array.from(
    { length: 60 },
    (_, i) => [nan, infinity, -infinity, -0, 1e30, -100, 100, 88.9, i / 10][i % 23] ?? 1,
  ),
)
const linearWeight = floatTensor(
  [20, 20],
  Float32Array.from({ length: 400 }, (_, i) => (i % 7) / 7),
)

const nodes: Readonly<Record<string, GraphNode>> = {
  Relu: { operator: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} },
  Silu: { operator: 'Silu', inputs: ['x'], outputs: ['y'], attributes: {} },
  Gelu: { operator: 'Gelu', inputs: ['x'], outputs: ['y'], attributes: { approximate: 'none' } },
  Softmax: { operator: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: {} },
  Linear: { operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } },
}

/** NaN stands where it stands in what is expected, and nowhere else; the rest agrees. */
function assertSpecial(actual: TensorData, expected: TensorData, what: string): void {
  const marks = (tensor: TensorData): number[] =>
    [...floatsOf(tensor).keys()].filter((i) => Number.isNaN(floatsOf(tensor)[i]))
  expect({ what, marks: marks(actual) }).toEqual({ what, marks: marks(expected) })
  const plain = (tensor: TensorData): Float32Array =>
    floatsOf(tensor).map((value) => (Number.isNaN(value) ? 0 : Math.max(-3e38, Math.min(3e38, value))))
  assertClose(plain(actual), plain(expected), { absolute: 1e-5, relative: 1e-4 }, what)
}

describe.skipIf(!hasNative).each(await availableLevels())('kernels for %s', (level) => {
  it.each(Object.keys(nodes))('%s passes NaN and infinities on', async (operator) => {
    const node = nodes[operator]!
    const isLinear = operator === 'Linear'
    const graph: LayerGraph = {
      name: operator,
      inputs: [activation('x', 20), ...(isLinear ? [weight('w', [20, 20], 'float32')] : [])],
      outputs: [activation('y', 20)],
      caches: [],
      nodes: [node],
    }
    const inputs = { x, ...(isLinear && { w: linearWeight }) }
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    assertSpecial(
      (await runGraph(backend, graph, inputs))['y']!,
      (await runGraph(oracle, graph, inputs))['y']!,
      operator,
    )
  })

  it('a value that is no number reaches no query before it', async () => {
    const sizes = { heads: 1, kvHeads: 1, headDim: 16, sparsity: 1, maxPositions: 60, rows: [[0, 50]] as const }
    const graphCase = attentionCase(createRandom(3), sizes)
    const values = floatsOf(graphCase.inputs['v']!)
    values[30 * 16 + 2] = nan
    const inputs = { ...graphCase.inputs, v: floatTensor([1, 50, 16], values) }
    const content = cacheContent(sizes, 'float32').map((floats) => new Uint8Array(floats.buffer))
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    const actual = await runAttention(backend, { ...graphCase, inputs }, sizes, 'float32', content)
    const expected = await runAttention(oracle, { ...graphCase, inputs }, sizes, 'float32', content)
    assertSpecial(actual, expected, 'attention')
    expect(
      floatsOf(actual)
        .slice(0, 30 * 16)
        .every(Number.isFinite),
    ).toBe(true)
  })
})
