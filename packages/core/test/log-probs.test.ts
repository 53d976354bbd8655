import { createReferenceBackend } from '@flexgen/backend-reference'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

describe('log-probabilities', () => {
  it('of prompt and new tokens are those of the logits of transformers', async () => {
    await using opened = await openFixture()
    const { fixture, model, weights } = opened
    await using bench = await openBench({
      backend: createReferenceBackend(),
      model,
      weights,
      policy: { percent: [0, 50, 0, 50, 0, 100], gpuBatchSize: 2 },
      workload: { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, logits: 'all' },
    })
    await using engine = await bench.createEngine()
    const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
    const results = await engine.generateAll(requests, { maxNewTokens: 5, ignoreEos: true, logProbs: 'all' })
    const scored = await engine.generateAll(requests, { maxNewTokens: 0, logProbs: 'all' })
    results.forEach(({ promptIds, ids, logProbs, promptLogProbs }, i) => {
      const { prefillLogits, decodeLogits } = fixture.prompts[i]!
      const rows = [...prefillLogits, ...decodeLogits]
      const all = [...promptIds, ...ids]
      const expected = all.slice(1).map((id, position) => {
        const row = [...rows[position]!].map(Number)
        const highest = Math.max(...row)
        return row[id]! - highest - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
      })
      const got = [...promptLogProbs!, ...logProbs!]
      expect(got.length).toBe(expected.length)
      got.forEach((value, position) => expect(value).toBeCloseTo(expected[position]!, 3))
      expect(scored[i]).toEqual({
        sequence: i,
        promptIds,
        ids: [],
        finishReason: 'length',
        logProbs: [],
        promptLogProbs,
      })
    })
  })

  it('of the prompt need an engine that keeps the logits of all positions', async () => {
    await using opened = await openFixture()
    const { model, weights } = opened
    await using bench = await openBench({ backend: createReferenceBackend(), model, weights, policy: {} })
    await using engine = await bench.createEngine()
    const scoring = engine.generateAll([{ promptIds: [2, 3] }], { maxNewTokens: 0, logProbs: 'all' })
    await expect(scoring).rejects.toMatchObject({ code: 'USAGE' })
  })
})
