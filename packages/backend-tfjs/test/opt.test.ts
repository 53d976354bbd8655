import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { fixtureNames, loadFixture, shareOfBound } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-tfjs-backend.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import { enginesHere } from './engines-here.ts'
import { runEngine } from './run-engine.ts'

/** Float32: ids are compared up to the first step whose two best logits are nearer than this. */
const gapTolerance = 1e-3

/** What a model of a few KB holds beyond its plan: buffers of whole pages, first steps of a WebAssembly memory. */
const roundingBytes = 2 ** 20

describe.each(enginesHere)('TensorFlow.js %s agrees with transformers, every position', (engineName) => {
  it.each(fixtureNames)('%s', async (name) => {
    const fixture = loadFixture(name)
    await using weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    for (const percent of [
      [100, 0, 100, 0, 100, 0],
      [0, 50, 0, 50, 0, 50],
    ]) {
      const engine = await openEngine(engineName)
      await using backend = createBackendOn(engine, engineName)
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
      const positions = fixture.prompts.map(({ promptIds }) => promptIds.length + fixture.decodeSteps)
      expect(compared).toBe(positions.reduce((sum, count) => sum + count, 0))
      expect(worst).toBeLessThanOrEqual(1)
      expect(run.results.map(({ ids }) => ids)).toEqual(fixture.prompts.map(({ ids }) => ids))
      expect(run.leftBytes).toBe(0)
      expect(engine.tensorCount()).toBe(0)
    }
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

describe.each(enginesHere)('placement invariance on TensorFlow.js %s', (engineName) => {
  it('gives the ids of everything on the device for 30 random policies, by the gap rule', async () => {
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
    await fc.assert(property, { numRuns: 30 })
    process.stdout.write(
      `placement invariance on TensorFlow.js ${engineName}: ${compared} steps compared, ${skipped} after a close call\n`,
    )
    expect(compared).toBeGreaterThan(30 * requests.length * 5)
  })
})
