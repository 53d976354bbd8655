import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressSource, openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseWeightForms } from '../src/index.ts'
import { runEngine } from './run-engine.ts'

const share = fc
  .tuple(fc.constantFrom(0, 10, 30, 50, 100), fc.constantFrom(0, 20, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])

const cases = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 4 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
  hostVisible: fc.boolean(),
  compressWeight: fc.boolean(),
  compressCache: fc.boolean(),
  attentionSparsity: fc.constantFrom(1, 1, 0.5),
  placement: fc.constantFrom('exact' as const, 'exact' as const, 'flexgen' as const),
  hostAttentionPercent: fc.constantFrom(0, 0, 40, 100),
  pagePositions: fc.constantFrom(1, 3, 8, 64),
  prompts: fc.array(fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 11 }), {
    minLength: 1,
    maxLength: 7,
  }),
  temperature: fc.constantFrom(0, 0.9),
})

describe('placement invariance', () => {
  it('gives the same ids as everything on the device for 200 random policies, and leaves nothing', async () => {
    const fixture = loadFixture('pre-norm')
    const original = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: original.tensors.keys() })
    const compressed = compressSource(original, chooseWeightForms(model))
    await fc.assert(
      fc.asyncProperty(cases, async ({ hostVisible, pagePositions, prompts, temperature, ...policy }) => {
        const requests = prompts.map((promptIds) => ({ promptIds }))
        const options = { maxNewTokens: 9, seed: 5, sampling: { temperature, topK: 20, topP: 0.95 } }
        // These change results, but not by where things lie.
        const { compressWeight, compressCache, attentionSparsity } = policy
        const everything = {
          percent: [100, 0, 100, 0, 100, 0],
          gpuBatchSize: prompts.length,
          numGpuBatches: 1,
          compressWeight,
          compressCache,
          attentionSparsity,
        }
        const weights = compressWeight ? compressed : original
        const expected = await runEngine(
          { backend: createReferenceBackend(), model, weights, policy: everything },
          requests,
          options,
        )
        const backend = createReferenceBackend({ hostVisible })
        const host = policy.hostAttentionPercent > 0 ? createReferenceBackend() : undefined
        const run = await runEngine({ backend, host, model, weights, policy, pagePositions }, requests, options)
        expect(run.results).toEqual(expected.results)
        expect(run.report.peakRamBytes).toBeLessThanOrEqual(run.report.plan.ram.total)
        expect(run.report.peakDeviceBytes).toBeLessThanOrEqual(run.report.plan.deviceBytes)
        expect(run.report.peakDiskBytes).toBeLessThanOrEqual(run.report.plan.diskBytes)
        expect(run.leftBytes).toBe(0)
        expect(run.leftFolders).toEqual([])
      }),
      { numRuns: 200 },
    )
    await original[Symbol.asyncDispose]()
  })
})
