import { createReferenceBackend } from '@flexgen/backend-reference'
import { assertClose, createRandom, floatsOf, floatTensor } from '@flexgen/conformance'
import { describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { availableLevels, hasNative } from './support/levels.ts'
import { attentionCase, linearCase } from './support/random-graph.ts'
import { cacheContent, runAttention, runCase, widened } from './support/run-case.ts'

/** Activations are rounded between nodes: half a unit in the last place of numbers of size 10. */
const tolerances = {
  float16: { absolute: 2e-2, relative: 4e-3 },
  bfloat16: { absolute: 0.15, relative: 3e-2 },
} as const

describe.skipIf(!hasNative).each(await availableLevels())('kernels for %s', (level) => {
  it.each(['float16', 'bfloat16'] as const)('linear in %s agrees with the oracle', async (dtype) => {
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    const random = createRandom(8)
    for (let i = 0; i < 25; i++) {
      const graphCase = linearCase(random, dtype, dtype)
      const actual = await runCase(backend, graphCase)
      expect(actual.dtype).toBe(dtype)
      const expected = floatsOf(await runCase(oracle, widened(graphCase)))
      assertClose(floatsOf(actual), expected, tolerances[dtype], graphCase.what)
    }
  })

  it.each(['float16', 'bfloat16'] as const)('attention in %s over a cache of the same dtype agrees', async (dtype) => {
    await using backend = await createNativeBackend({ level, threads: 2 })
    await using oracle = createReferenceBackend()
    for (const rows of [
      [
        [40, 1],
        [0, 1],
      ],
      [
        [3, 40],
        [0, 7],
      ],
    ] as const) {
      const sizes = { heads: 4, kvHeads: 2, headDim: 64, sparsity: 1, maxPositions: 50, rows }
      const graphCase = attentionCase(createRandom(9), sizes, dtype)
      const content = cacheContent(sizes, dtype)
      const plain = content.map((values) => new Uint8Array(values.buffer))
      const narrow = content.map((values) => floatTensor([values.length], values, dtype).bytes)
      const actual = await runAttention(backend, graphCase, sizes, dtype, narrow)
      const expected = await runAttention(oracle, widened(graphCase), sizes, 'float32', plain)
      const allowed = dtype === 'float16' ? { absolute: 2e-3, relative: 2e-3 } : { absolute: 1e-2, relative: 1e-2 }
      assertClose(floatsOf(actual), floatsOf(expected), allowed, graphCase.what)
    }
  })
})
