import { createOnnxRuntimeBackend } from '@flexgen/backend-onnxruntime'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { fixtureNames, loadFixture, shareOfBound } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runEngine } from './run-engine.ts'

/** Float32: ids are compared up to the first step whose two best logits are nearer than this. */
const gapTolerance = 1e-3

/** What a model of a few KB holds beyond its plan: buffers of whole pages and blocks of the arena. */
const roundingBytes = 2 ** 20

describe('ONNX Runtime agrees with transformers, every position of prefill and every decode step', () => {
  it.each(fixtureNames)('%s', async (name) => {
    const fixture = loadFixture(name)
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    for (const percent of [
      [100, 0, 100, 0, 100, 0],
      [0, 50, 0, 50, 0, 50],
    ]) {
      await using backend = await createOnnxRuntimeBackend({ threads: 2 })
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
      expect(compared).toBe(
        fixture.prompts.reduce((sum, { promptIds }) => sum + promptIds.length + fixture.decodeSteps, 0),
      )
      expect(worst).toBeLessThanOrEqual(1)
      expect(run.results.map(({ ids }) => ids)).toEqual(fixture.prompts.map(({ ids }) => ids))
      expect(run.leftBytes).toBe(0)
    }
    await weights[Symbol.asyncDispose]()
  })
})

const share = fc
  .tuple(fc.constantFrom(0, 10, 30, 50, 100), fc.constantFrom(0, 20, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])

const policies = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 4 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
})

describe('placement invariance on ONNX Runtime', () => {
  it('gives the ids of everything on the device for 200 random policies, by the gap rule', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
    const options = { maxNewTokens: 10, ignoreEos: true }
    await using backend = await createOnnxRuntimeBackend({ threads: 2 })
    const gaps: number[][] = requests.map(() => [])
    const everything = { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: requests.length, numGpuBatches: 1 }
    const baseline = await runEngine({ backend, model, weights, policy: everything }, requests, {
      ...options,
      onLogits: (sequence, _position, row) => {
        const [first, second] = [...row].toSorted((a, b) => b - a)
        gaps[sequence]!.push(first! - second!)
      },
    })
    let compared = 0
    let skipped = 0
    const property = fc.asyncProperty(policies, fc.constantFrom(1, 3, 8, 64), async (policy, pagePositions) => {
      const run = await runEngine({ backend, model, weights, policy, pagePositions }, requests, options)
      run.results.forEach(({ ids }, sequence) => {
        const close = gaps[sequence]!.findIndex((gap) => gap < gapTolerance)
        const steps = close < 0 ? ids.length : close
        compared += steps
        skipped += ids.length - steps
        expect(ids.slice(0, steps)).toEqual(baseline.results[sequence]!.ids.slice(0, steps))
      })
      expect(run.report.peakRamBytes).toBeLessThanOrEqual(run.report.plan.ram.total + roundingBytes)
      expect(run.leftBytes).toBe(0)
      expect(run.leftFolders).toEqual([])
    })
    await fc.assert(property, { numRuns: 200 })
    await weights[Symbol.asyncDispose]()
    process.stdout.write(
      `placement invariance on ONNX Runtime: ${compared} steps compared, ${skipped} after a close call\n`,
    )
    expect(compared).toBeGreaterThan(200 * requests.length * 5)
  })
})
