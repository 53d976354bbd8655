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

  it.each([
    [true, 2],
    [true, 8],
    [true, 32],
    [false, 8],
    [false, 32],
  ])('knows what one batch waits for: layers apart %s, a batch of %i', async (sepLayer, gpuBatchSize) => {
    const { decodeStep } = await predictedAndSimulated({
      profile: 'h100-pcie5',
      model: 'opt-1.3b',
      sepLayer,
      hostAttention: true,
      gpuBatchSize,
      numGpuBatches: 1,
      deviceWeights: 100,
    })
    expect(Math.abs(decodeStep.predicted / decodeStep.simulated - 1)).toBeLessThan(0.12)
  })
})
