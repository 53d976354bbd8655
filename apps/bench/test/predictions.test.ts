import { describe, expect, it } from 'vitest'
import { predictedAndSimulated } from './support/predicted-and-simulated.ts'

describe('the model of the engine', () => {
  it.each([
    [true, 48, 3],
    [true, 4, 24],
    [false, 48, 3],
    [false, 4, 24],
  ])('knows what attention of the host overlaps: layers apart %s, batches %i x %i', async (sepLayer, size, count) => {
    const { prefill, decodeStep } = await predictedAndSimulated({
      profile: 'flexgen-t4',
      model: 'opt-1.3b',
      sepLayer,
      hostAttention: true,
      gpuBatchSize: size,
      numGpuBatches: count,
      deviceWeights: 20,
    })
    for (const { predicted, simulated } of [prefill, decodeStep]) {
      expect(Math.abs(predicted / simulated - 1)).toBeLessThan(0.08)
    }
  })
})
