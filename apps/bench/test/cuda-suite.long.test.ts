import { describe, expect, it } from 'vitest'
import { simulateCuda } from './support/simulate-cuda.ts'

describe('the whole suite for one card, simulated', () => {
  it('runs as predicted, within a tenth', { timeout: 600_000 }, async () => {
    const rows = await simulateCuda('', undefined)
    expect(rows).toHaveLength(12)
    for (const { title, predicted, measured } of rows) {
      const off = (of: 'prefillSeconds' | 'decodeStepSeconds'): number => Math.abs(measured[of] / predicted[of] - 1)
      expect([title, off('prefillSeconds') < 0.1, off('decodeStepSeconds') < 0.1]).toEqual([title, true, true])
      expect(measured.peakDeviceBytes).toBeLessThanOrEqual(1.001 * predicted.peakDeviceBytes)
    }
  })
})
