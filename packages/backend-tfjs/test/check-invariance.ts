import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { expect } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import type { EngineName } from '../src/index.ts'
import { roundingBytes, runEngine } from './run-engine.ts'

/** Float32: ids are compared up to the first step whose two best logits are nearer than this. */
const gapTolerance = 1e-3

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

/** Runs random policies against everything on the device, by the gap rule, and prints how many steps were compared. */
export async function checkInvariance(engineName: EngineName, numRuns: number): Promise<void> {
  const fixture = loadFixture('pre-norm')
  await using weights = await openCheckpoint(fixture.folder)
  const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
  const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
  const options = { maxNewTokens: 10, ignoreEos: true }
  const engine = await openEngine(engineName)
  await using backend = createBackendOn(engine, engineName)
  const gaps: number[][] = requests.map(() => [])
  const everything = { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: requests.length, numGpuBatches: 1 }
  const baseline = await runEngine({ backend, model, weights, policy: everything, pagePositions: 8 }, requests, {
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
    expect(engine.tensorCount()).toBe(0)
  })
  await fc.assert(property, { numRuns })
  process.stdout.write(
    `placement invariance on TensorFlow.js ${engineName}: ${compared} steps compared, ${skipped} after a close call\n`,
  )
  expect(compared).toBeGreaterThan(numRuns * requests.length * 5)
}
