import { describe, expect, it } from 'vitest'
import { simulateCuda } from './support/simulate-cuda.ts'

describe('the suite for one card, simulated', () => {
  it('splits attention so that host and card end together, faster than either alone, as predicted', async () => {
    const [streamed, onHost, split] = await simulateCuda('opt-6.7b 32x4: all off the card,', 8)
    for (const { predicted, measured } of [streamed!, split!]) {
      expect(Math.abs(measured.decodeStepSeconds / predicted.decodeStepSeconds - 1)).toBeLessThan(0.1)
      expect(Math.abs(measured.prefillSeconds / predicted.prefillSeconds - 1)).toBeLessThan(0.1)
      expect(measured.peakDeviceBytes).toBeLessThanOrEqual(predicted.peakDeviceBytes)
    }
    const least = Math.min(streamed!.measured.decodeStepSeconds, onHost!.measured.decodeStepSeconds)
    expect(split!.measured.decodeStepSeconds).toBeLessThan(0.95 * least)
    // The link is busy with what the placement makes it carry, all the time.
    expect(streamed!.measured.decodeStepSeconds / streamed!.limit!.decodeStepSeconds).toBeLessThan(1.03)
  })
})
