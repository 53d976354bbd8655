import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { fixtureNames, loadFixture, shareOfBound } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import { enginesHere } from './engines-here.ts'
import { runEngine } from './run-engine.ts'

describe.each(enginesHere)('TensorFlow.js %s agrees with transformers, every position', (engineName) => {
  it.each(fixtureNames)('%s', async (name) => {
    const fixture = loadFixture(name)
    await using weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    for (const percent of [
      [100, 0, 100, 0, 100, 0],
      [0, 50, 0, 50, 0, 50],
    ]) {
      const engine = await openEngine(engineName)
      await using backend = createBackendOn(engine, engineName)
      let worst = 0
      let compared = 0
      const run = await runEngine(
        { backend, model, weights, policy: { percent, gpuBatchSize: 2, numGpuBatches: 2 }, pagePositions: 4 },
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
      const positions = fixture.prompts.map(({ promptIds }) => promptIds.length + fixture.decodeSteps)
      expect(compared).toBe(positions.reduce((sum, count) => sum + count, 0))
      expect(worst).toBeLessThanOrEqual(1)
      expect(run.results.map(({ ids }) => ids)).toEqual(fixture.prompts.map(({ ids }) => ids))
      expect(run.leftBytes).toBe(0)
      expect(engine.tensorCount()).toBe(0)
    }
  })
})
