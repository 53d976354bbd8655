import { expect, it } from 'vitest'
import { measureSteps, type StepCase } from './support/measure-steps.ts'

const streaming: StepCase = {
  title: 'OPT-30B, KV and hidden states in RAM, 4x8',
  model: 'opt-30b',
  prompt: 64,
  tokens: 64,
  policy: { percent: [10, 90, 0, 100, 0, 100], gpuBatchSize: 4, numGpuBatches: 8 },
}

it('simulates 100,000 steps a second of the processor', async () => {
  await measureSteps({ ...streaming, model: 'opt-6.7b' })
  const { steps, cpuSeconds } = await measureSteps(streaming)
  expect(steps).toBe(205_440)
  expect(steps / cpuSeconds).toBeGreaterThan(100_000)
})
