import { describe, expect, it } from 'vitest'
import { createPrediction } from '../result/prediction.ts'
import { correctionOf, correctPrediction } from './correction.ts'
import { parseHistory } from './parse-history.ts'
import { addRun, emptyHistory, type RunRecord } from './run-record.ts'

const phase = (seconds: number, bindingResource: string) => ({ seconds, secondsByResource: {}, bindingResource })
const prediction = createPrediction(
  { sequences: 2, promptTokens: 10, newTokens: 5 },
  phase(10, 'deviceCompute'),
  phase(1, 'diskRead'),
)
const key = { hardware: 'here', backend: 'native', model: 'opt-1.3b' }
const run = (factor: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  at: '2026-11-26T00:00:00Z',
  ...key,
  gpuBatchSize: 2,
  numGpuBatches: 1,
  percent: [100, 0, 100, 0, 100, 0],
  promptTokens: 10,
  newTokens: 5,
  prefillBoundBy: 'deviceCompute',
  decodeBoundBy: 'diskRead',
  predicted: { prefillSeconds: 2, decodeStepSeconds: 1, ramBytes: 1 },
  measured: { prefillSeconds: 2 * factor, decodeStepSeconds: factor, ramBytes: 1 },
  ...changes,
})

describe('correctionOf', () => {
  it('is the median of what waited for the same on the same machine, of the same model first', () => {
    const runs = [run(1.2), run(1.1), run(1.3), run(9, { model: 'opt-125m' }), run(7, { backend: 'onnxruntime' })]
    expect(correctionOf(runs, key, prediction)).toEqual({
      prefillFactor: 1.2,
      decodeFactor: 1.2,
      prefillRuns: 3,
      decodeRuns: 3,
    })
    const others = [run(1.4, { model: 'opt-125m' }), run(1.4, { model: 'opt-350m', decodeBoundBy: 'deviceCompute' })]
    const { prefillFactor, decodeFactor, decodeRuns } = correctionOf(others, key, prediction)
    expect(prefillFactor).toBeCloseTo(1.4, 12)
    expect([decodeFactor, decodeRuns]).toEqual([1, 0])
  })

  it('does nothing for one run, and goes no further than twice', () => {
    expect(correctionOf([run(1.5)], key, prediction).prefillFactor).toBe(1)
    expect(correctionOf([run(5), run(5)], key, prediction)).toMatchObject({ prefillFactor: 2, decodeFactor: 2 })
    expect(correctionOf([run(0.1), run(0.1)], key, prediction)).toMatchObject({ prefillFactor: 0.5 })
  })

  it('leaves times and speeds consistent', () => {
    const correction = { prefillFactor: 2, decodeFactor: 0.5, prefillRuns: 2, decodeRuns: 2 }
    const corrected = correctPrediction(prediction, correction)
    const expected = createPrediction(
      { sequences: 2, promptTokens: 10, newTokens: 5 },
      phase(20, 'deviceCompute'),
      phase(0.5, 'diskRead'),
    )
    expect(corrected.totalSeconds).toBeCloseTo(expected.totalSeconds, 12)
    expect(corrected.totalTokensPerSecond).toBeCloseTo(expected.totalTokensPerSecond, 12)
    expect(corrected.decodeTokensPerSecond).toBeCloseTo(expected.decodeTokensPerSecond, 12)
    expect(corrected.prefillTokensPerSecond).toBeCloseTo(expected.prefillTokensPerSecond, 12)
  })
})

describe('the history', () => {
  it('keeps the latest runs, and can be written and read', () => {
    let history = emptyHistory
    for (let i = 0; i < 305; i++) history = addRun(history, run(1, { promptTokens: i + 1 }))
    expect(history.runs).toHaveLength(300)
    expect(history.runs.at(-1)!.promptTokens).toBe(305)
    expect(parseHistory(JSON.parse(JSON.stringify(history)), 'x')).toEqual(history)
  })

  it.each([
    [{ schemaVersion: 2, runs: [] }, 'UNSUPPORTED_DATA'],
    [{ schemaVersion: 1, runs: [{ ...run(1), percent: [1] }] }, 'CORRUPT_DATA'],
    [{ schemaVersion: 1 }, 'CORRUPT_DATA'],
  ])('refuses %#', (value, code) => {
    expect(() => parseHistory(value, 'history.json')).toThrow(expect.objectContaining({ code }))
  })
})
