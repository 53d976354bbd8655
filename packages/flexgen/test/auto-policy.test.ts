import { expect, it, describe, beforeEach, afterEach } from 'vitest'
import { createEngine, type CreateEngineOptions } from '../src/index.ts'
import { createEnginePlace, type EnginePlace, nothing } from './engine-place.ts'

let place: EnginePlace
beforeEach(() => void (place = createEnginePlace()))
afterEach(() => place[Symbol.asyncDispose]())

const workload = { sequences: 5, maxPromptTokens: 12, maxNewTokens: 6 }
const prompts = Array.from({ length: 5 }, (_, i) =>
  Array.from({ length: 12 - i }, (_unused, j) => 2 + ((7 * i + j) % 40)),
)
const run = { maxNewTokens: 6, ignoreEos: true }

async function ranWith(options: CreateEngineOptions) {
  await using engine = await createEngine({
    backend: place.backend,
    offloadDir: place.offloadDir,
    workload,
    history: false,
    hardware: 'flexgen-t4',
    ...options,
  })
  const results = await engine.generateAll(prompts, run)
  return { ids: results.map(({ ids }) => ids), report: engine.report(), prediction: await engine.prediction() }
}

describe('policy auto', () => {
  it('takes everything into memory where there is room, and says so', async () => {
    const { report } = await ranWith({ policy: 'auto' })
    expect(report.policy).toMatchObject({ weights: { device: 100 }, gpuBatchSize: 5, numGpuBatches: 1 })
    expect(report.notices).toContain('policy auto: --percent 100 0 100 0 100 0, 1 x 5 sequences')
  })

  it('keeps any budget that anything fits in, with the same tokens and the predicted bytes', async () => {
    const expected = await ranWith({ policy: { gpuBatchSize: 5 } })
    for (const maxRam of [60e6, 40e6, 25e6]) {
      const { ids, report, prediction } = await ranWith({ policy: 'auto', maxRam })
      expect(ids).toEqual(expected.ids)
      expect(report.plan.ram.total).toBeLessThanOrEqual(maxRam)
      expect(report.peakRamBytes).toBeLessThanOrEqual(maxRam)
      expect(Math.abs(prediction!.predicted.peakRamBytes / report.peakRamBytes - 1)).toBeLessThan(0.1)
      expect(prediction!.measured.peakRamBytes).toBe(report.peakRamBytes)
    }
  })

  it('keeps the parts that are given', async () => {
    const { report } = await ranWith({ policy: { auto: true, gpuBatchSize: 2, overlap: false }, maxRam: 30e6 })
    expect(report.policy).toMatchObject({ gpuBatchSize: 2, overlap: false })
  })

  it('refuses what fits in no way, naming the budget, with nothing left', async () => {
    await expect(ranWith({ policy: 'auto', maxRam: 1e6 })).rejects.toThrow(
      expect.objectContaining({ code: 'INFEASIBLE', message: expect.stringContaining('--max-ram allows 1 MB') }),
    )
    expect(place.left()).toEqual(nothing)
  })

  it('predicts policies that were given, too', async () => {
    const { prediction, report } = await ranWith({
      policy: { percent: [30, 30, 40, 30, 100, 0], gpuBatchSize: 2, numGpuBatches: 2 },
    })
    expect(prediction!.measured.prefillSeconds).toBeGreaterThan(0)
    expect(prediction!.predicted.decodeStepSeconds).toBeGreaterThan(0)
    expect(prediction!.correction).toEqual({ prefillFactor: 1, decodeFactor: 1, runs: 0 })
    expect(Math.abs(prediction!.predicted.peakRamBytes / report.peakRamBytes - 1)).toBeLessThan(0.1)
  })
})
