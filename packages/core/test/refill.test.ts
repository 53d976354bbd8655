import { createReferenceBackend } from '@flexgen/backend-reference'
import { keyedUniform, type PolicyOptions } from '../src/index.ts'
import { describe, expect, it } from 'vitest'
import { openFixture } from './support/bench.ts'
import { runEngine, type TestRun } from './run-engine.ts'

const requests = Array.from({ length: 24 }, (_, i) => ({
  promptIds: Array.from({ length: 2 + (i % 5) }, (_unused, j) => 4 + ((i * 7 + j * 3) % 40)),
}))

/** Long-tailed lengths: most sequences end soon, some run on. */
const endOf = (sequence: number): number => Math.min(15, Math.floor(-3 * Math.log(1 - keyedUniform(3, sequence, 0))))

async function run(policy: PolicyOptions, hostVisible = true): Promise<TestRun> {
  await using opened = await openFixture()
  const { model, weights } = opened
  const backend = createReferenceBackend({ hostVisible })
  return runEngine({ backend, model, weights, policy, pagePositions: 4 }, requests, {
    maxNewTokens: 16,
    ignoreEos: true,
    stopRule: (sequence, position) => position >= endOf(sequence),
  })
}

const idsOf = ({ results }: TestRun): (readonly number[])[] => results.map(({ ids }) => ids)

describe('places of sequences that end early', () => {
  it.each([
    ['in memory', { percent: [100, 0, 100, 0, 100, 0] }, true],
    ['over all tiers', { percent: [30, 30, 20, 40, 30, 30] }, true],
    ['over all tiers of a device with memory of its own', { percent: [30, 30, 50, 20, 30, 30] }, false],
  ] as const)('go to the next ones, %s, and no token changes', async (_where, placement, hostVisible) => {
    const whole = await run({ gpuBatchSize: 24 })
    const refilled = await run({ ...placement, gpuBatchSize: 3, numGpuBatches: 2 }, hostVisible)
    expect(idsOf(refilled)).toEqual(idsOf(whole))
    expect([refilled.leftBytes, refilled.leftFolders]).toEqual([0, []])
    const tokens = refilled.report.sweeps.reduce((sum, { liveSequences }) => sum + liveSequences, 0)
    expect(tokens).toBe(refilled.report.newTokens)
    // Blocks that wait for their longest sequence take a sweep for each of its tokens.
    const lengths = idsOf(refilled).map(({ length }) => length)
    const order = requests
      .map((_, i) => i)
      .toSorted((a, b) => requests[b]!.promptIds.length - requests[a]!.promptIds.length)
    const blocks = [0, 6, 12, 18].map((at) => Math.max(...order.slice(at, at + 6).map((i) => lengths[i]!)))
    expect(refilled.report.sweeps.length).toBeLessThan(blocks.reduce((sum, sweeps) => sum + sweeps, 0))
  })
})
