import type { PolicyOptions, RunReport } from '@flexgen/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openZeroTableFixture, type ZeroTableFixture } from './support/zero-table-fixture.ts'
import { type Operations, runForReal, runSimulated } from './support/traced-run.ts'

const base = { gpuBatchSize: 2, numGpuBatches: 2 }
const everywhere = [20, 40, 30, 40, 30, 40]

/** Policies that use every way that data may go. */
const policies: Readonly<Record<string, PolicyOptions>> = {
  'all on the device': { ...base, percent: [100, 0, 100, 0, 100, 0] },
  'weights in RAM': { ...base, percent: [0, 100, 100, 0, 100, 0] },
  'weights on disk': { ...base, percent: [0, 0, 100, 0, 100, 0] },
  'weights everywhere': { ...base, percent: [30, 40, 100, 0, 100, 0] },
  'KV in RAM': { ...base, percent: [100, 0, 0, 100, 100, 0] },
  'KV on disk': { ...base, percent: [100, 0, 0, 0, 100, 0] },
  'KV everywhere': { ...base, percent: [100, 0, 30, 40, 100, 0] },
  'hidden states in RAM': { ...base, percent: [100, 0, 100, 0, 0, 100] },
  'hidden states on disk': { ...base, percent: [100, 0, 100, 0, 0, 0] },
  'hidden states everywhere': { ...base, percent: [100, 0, 100, 0, 40, 30] },
  'everything on disk': { ...base, percent: [0, 0, 0, 0, 0, 0] },
  'everything everywhere': { ...base, percent: everywhere },
  'everything everywhere, in sequence': { ...base, percent: everywhere, overlap: false },
  'everything everywhere, merged layers': { ...base, percent: everywhere, sepLayer: false },
  'everything everywhere, one batch': { percent: everywhere, gpuBatchSize: 4, numGpuBatches: 1 },
  'everything everywhere, batches of one': { percent: everywhere, gpuBatchSize: 1, numGpuBatches: 3 },
  'everything everywhere, one block': { percent: everywhere, gpuBatchSize: 3, numGpuBatches: 3 },
  'placed as FlexGen does': { ...base, percent: everywhere, placement: 'flexgen' },
  'KV in RAM, attended on the host': { ...base, percent: [50, 50, 0, 100, 0, 100], hostAttentionPercent: 100 },
  'KV everywhere, half attended on the host': { ...base, percent: everywhere, hostAttentionPercent: 50 },
  'KV on disk, attended on the host': { ...base, percent: [0, 50, 0, 0, 0, 100], hostAttentionPercent: 100 },
  'compressed KV in RAM': { ...base, percent: [50, 50, 0, 100, 100, 0], compressCache: true },
  'compressed KV on disk': { ...base, percent: [50, 50, 0, 0, 100, 0], compressCache: true },
  'sparse attention': { ...base, percent: everywhere, attentionSparsity: 0.5 },
}

/** Ragged prompts: 7 sequences, so that the last block is not full. */
const requests = [5, 11, 3, 8, 1, 9, 6].map((length, i) => ({
  promptIds: Array.from({ length }, (_, position) => 10 + ((7 * i + position) % 60)),
}))

let fixture: ZeroTableFixture
beforeAll(async () => {
  fixture = await openZeroTableFixture()
})
afterAll(() => fixture[Symbol.asyncDispose]())

describe.each([true, false])('the trace of a simulated run is that of a real one (one memory: %s)', (hostVisible) => {
  it.each(Object.entries(policies))('%s', async (_, policy) => {
    const traced = { ...fixture, policy, hostVisible, pagePositions: 4, requests, maxNewTokens: 6 }
    const [real, simulated] = [await runForReal(traced), await runSimulated(traced)]
    expect(real.ids.every((ids) => ids.every((id) => id === 0))).toBe(true)
    expect(simulated.ids).toEqual(real.ids)
    expect(withoutPieces(simulated.operations)).toEqual(withoutPieces(real.operations))
    expect(Object.values(real.operations).flat().length).toBeGreaterThan(50)
    expect(bytesOf(simulated.report)).toEqual(bytesOf(real.report))
  })
})

/** The rows of a table are one operation, which the real disk shows piece by piece: only their bytes are compared. */
function withoutPieces({ 'rows read': rows = [], ...others }: Operations): Operations & { readonly rowBytes: number } {
  const rowBytes = rows.reduce((sum, operation) => sum + Number(operation.split(' ').at(-1)), 0)
  return { ...others, rowBytes } as Operations & { readonly rowBytes: number }
}

/**
 * What a report says of bytes: all but what a runtime holds for itself, and in which sweep a read ahead has ended, which
 * is a matter of time.
 */
function bytesOf({ sweeps, placement, plan, peakDiskBytes }: RunReport): object {
  const { workspace: _, preparedWeights: __, total: ___, weightStaging: ____, ...ram } = plan.ram
  return {
    sweeps: sweeps.map(({ phase, liveSequences }) => ({ phase, liveSequences })),
    placement,
    ram,
    diskBytes: plan.diskBytes,
    weights: plan.weights,
    weightRingBytes: plan.weightRingBytes,
    peakDiskBytes,
  }
}
