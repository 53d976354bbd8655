import { createReferenceBackend } from '@flexgen/backend-reference'
import { assertBytes, assertClose, createRandom, floatsOf, floatTensor } from '@flexgen/conformance'
import type { Backend } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { availableLevels, hasNative } from './support/levels.ts'
import { attentionCase, type AttentionSizes, type FloatDType, linearCase } from './support/random-graph.ts'
import { cacheContent, runAttention, runCase, widened } from './support/run-case.ts'

const tolerance = { absolute: 2e-5, relative: 1e-4 }
const dtypes: readonly FloatDType[] = ['float32', 'float16', 'bfloat16']

/** Tiles of queries, parts of positions, groups of heads and widths of vectors begin and end in all of these. */
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
      [0, 0],
    ],
  },
  {
    heads: 6,
    kvHeads: 2,
    headDim: 80,
    sparsity: 1,
    maxPositions: 70,
    rows: [
      [63, 1],
      [0, 1],
    ],
  },
  { heads: 4, kvHeads: 1, headDim: 128, sparsity: 1, maxPositions: 40, rows: [[31, 1]] },
  {
    heads: 2,
    kvHeads: 1,
    headDim: 16,
    sparsity: 1,
    maxPositions: 2500,
    rows: [
      [2100, 1],
      [1023, 1],
      [1024, 1],
      [5, 1],
    ],
  },
  {
    heads: 2,
    kvHeads: 1,
    headDim: 33,
    sparsity: 1,
    maxPositions: 260,
    rows: [
      [0, 201],
      [40, 96],
      [7, 1],
      [3, 0],
    ],
  },
  { heads: 1, kvHeads: 1, headDim: 128, sparsity: 1, maxPositions: 300, rows: [[130, 130]] },
  { heads: 1, kvHeads: 1, headDim: 500, sparsity: 1, maxPositions: 20, rows: [[2, 9]] },
  {
    heads: 4,
    kvHeads: 2,
    headDim: 20,
    sparsity: 0.3,
    maxPositions: 130,
    rows: [
      [120, 1],
      [1, 1],
      [0, 1],
    ],
  },
  { heads: 2, kvHeads: 2, headDim: 8, sparsity: 0, maxPositions: 9, rows: [[8, 1]] },
]

describe.skipIf(!hasNative).each(await availableLevels())('kernels for %s', (level) => {
  const withBackends = async (body: (backend: Backend, oracle: Backend) => Promise<void>): Promise<void> => {
    await using backend = await createNativeBackend({ level, threads: 3 })
    await using oracle = createReferenceBackend()
    await body(backend, oracle)
  }

  it.each(dtypes)('linear of random sizes with %s weights agrees with the oracle', (dtype) =>
    withBackends(async (backend, oracle) => {
      const random = createRandom(5)
      for (let i = 0; i < 40; i++) {
        const graphCase = linearCase(random, dtype)
        const expected = floatsOf(await runCase(oracle, widened(graphCase)))
        const allowed = { ...tolerance, absolute: 1e-4 }
        assertClose(floatsOf(await runCase(backend, graphCase)), expected, allowed, graphCase.what)
      }
    }),
  )

  it.each(dtypes)('attention over %s caches of all forms agrees with the oracle', (dtype) =>
    withBackends(async (backend, oracle) => {
      for (const [seed, sizes] of attentions.entries()) {
        const graphCase = attentionCase(createRandom(seed), sizes)
        const content = cacheContent(sizes, dtype)
        const plain = content.map((values) => new Uint8Array(values.buffer))
        const narrow = content.map((values) => floatTensor([values.length], values, dtype).bytes)
        // New keys and values are rounded to the dtype of the cache, so that is what the oracle gets.
        const rounded = { ...graphCase, inputs: { ...graphCase.inputs } }
        for (const name of ['k', 'v'])
          rounded.inputs[name] = floatTensor(
            graphCase.inputs[name]!.shape,
            floatsOf(floatTensor(graphCase.inputs[name]!.shape, floatsOf(graphCase.inputs[name]!), dtype)),
          )
        const expected = await runAttention(oracle, rounded, sizes, 'float32', plain)
        const actual = await runAttention(backend, graphCase, sizes, dtype, narrow)
        assertClose(floatsOf(actual), floatsOf(expected), tolerance, graphCase.what)
      }
    }),
  )

  it('results do not depend on the number of threads', async () => {
    const results: Uint8Array[][] = []
    for (const threads of [1, 2, 5]) {
      await using backend = await createNativeBackend({ level, threads })
      const random = createRandom(6)
      const outputs: Uint8Array[] = []
      for (let i = 0; i < 12; i++) outputs.push((await runCase(backend, linearCase(random, 'float16'))).bytes)
      for (const sizes of attentions) {
        const content = cacheContent(sizes, 'float32').map((values) => new Uint8Array(values.buffer))
        const graphCase = attentionCase(random, sizes)
        outputs.push((await runAttention(backend, graphCase, sizes, 'float32', content)).bytes)
      }
      results.push(outputs)
    }
    expect(results).toHaveLength(3)
    for (const [i, bytes] of results[0]!.entries())
      for (const others of results.slice(1)) assertBytes(others[i]!, bytes, `output ${i}`)
  })
})
