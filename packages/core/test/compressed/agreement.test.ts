import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressedFixtures } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { compareCompressed } from './compressed-run.ts'

const policies = [
  { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 4 },
  { percent: [20, 30, 40, 30, 0, 50], gpuBatchSize: 2, numGpuBatches: 2 },
]

describe('4-bit weights agree with transformers on the widened weights, every position and step', () => {
  it.each(compressedFixtures)('%s, %s', async (name, form) => {
    for (const policy of policies) {
      const { rows, expectedRows, worstShare, steps, sameSteps } = await compareCompressed(
        createReferenceBackend(),
        name,
        form,
        policy,
        1e-3,
      )
      expect(rows).toBe(expectedRows)
      expect(worstShare).toBeLessThanOrEqual(1)
      expect(sameSteps).toBe(steps)
      expect(steps).toBeGreaterThan(3 * 24)
    }
  })
})
