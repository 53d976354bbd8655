import { createReferenceBackend } from '@flexgen/backend-reference'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

describe('a breakdown', () => {
  it('gives the same tokens, and its tasks account for the time of every sweep', async () => {
    await using opened = await openFixture()
    const { model, weights } = opened
    await using bench = await openBench({
      backend: createReferenceBackend({ hostVisible: false }),
      model,
      weights,
      policy: { percent: [20, 40, 20, 40, 20, 40], gpuBatchSize: 2, numGpuBatches: 2 },
    })
    await using engine = await bench.createEngine()
    const requests = [{ promptIds: [2, 5, 9] }, { promptIds: [7] }, { promptIds: [3, 4] }]
    const expected = await engine.generateAll(requests, { maxNewTokens: 3, ignoreEos: true })
    expect(engine.report().sweeps.every(({ taskSeconds }) => taskSeconds === undefined)).toBe(true)
    const results = await engine.generateAll(requests, { maxNewTokens: 3, ignoreEos: true, breakdown: true })
    expect(results).toEqual(expected)
    const { sweeps } = engine.report()
    expect(sweeps.length).toBe(3)
    for (const { durationSeconds, taskSeconds = {} } of sweeps) {
      const tasks = ['loadWeight', 'loadHidden', 'storeHidden', 'loadCache', 'storeCache', 'sample', 'inputs']
      const computes = ['embed', 'attention', 'mlp', 'head'].map((kind) => `compute ${kind}`)
      expect(Object.keys(taskSeconds).toSorted()).toEqual([...tasks, ...computes].toSorted())
      const total = Object.values(taskSeconds).reduce((sum, seconds) => sum + seconds, 0)
      expect(total).toBeLessThanOrEqual(durationSeconds)
      expect(total).toBeGreaterThan(0.95 * durationSeconds)
    }
  })
})
