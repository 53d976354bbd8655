import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { fixtureNames, loadFixture, shareOfBound } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { runEngine } from './run-engine.ts'

describe('agreement with transformers, every position of prefill and every decode step', () => {
  it.each(fixtureNames)('%s', async (name) => {
    const fixture = loadFixture(name)
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    let worst = 0
    let compared = 0
    const run = await runEngine(
      {
        backend: createReferenceBackend(),
        model,
        weights,
        policy: { percent: [40, 30, 30, 40, 40, 30], gpuBatchSize: 2, numGpuBatches: 2 },
      },
      fixture.prompts.map(({ promptIds }) => ({ promptIds })),
      {
        maxNewTokens: fixture.decodeSteps + 1,
        ignoreEos: true,
        logits: 'all',
        onLogits: (sequence, position, row) => {
          const prompt = fixture.prompts[sequence]!
          const expected = [...prompt.prefillLogits, ...prompt.decodeLogits][position]!
          worst = Math.max(worst, shareOfBound(row, expected))
          compared++
        },
      },
    )
    await weights[Symbol.asyncDispose]()
    expect(compared).toBe(
      fixture.prompts.reduce((sum, { promptIds }) => sum + promptIds.length + fixture.decodeSteps, 0),
    )
    expect(worst).toBeLessThanOrEqual(1)
    expect(run.results.map(({ ids }) => ids)).toEqual(fixture.prompts.map(({ ids }) => ids))
  })
})
