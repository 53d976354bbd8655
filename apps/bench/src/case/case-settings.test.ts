import { describe, expect, it } from 'vitest'
import type { CaseFlags } from './case-flags.ts'
import { settingsOf } from './case-settings.ts'

const onDevice = [100, 0, 100, 0, 100, 0]

describe('settings of a case', () => {
  it("are FlexGen's by default", () => {
    expect(settingsOf({})).toEqual({
      model: 'facebook/opt-6.7b',
      path: '~/opt_weights',
      policy: { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 4, numGpuBatches: 1, overlap: true, sepLayer: true },
      // Percents, batches and prompts are the planner's: those above stand in.
      choice: {},
      numPrompts: 4,
      promptLen: 512,
      genLen: 32,
      cpuCacheCompute: false,
      pinWeight: true,
      backend: 'auto',
      seed: 0,
      direct: false,
      warmUpTokens: 1,
    })
  })

  it('fill one block where no number of prompts is given, and run breakdown without overlap', () => {
    const settings = settingsOf({ gpuBatchSize: 3, numGpuBatches: 5, debugMode: 'breakdown' }, 0)
    expect(settings).toMatchObject({ numPrompts: 15, warmUpTokens: 0, policy: { overlap: false } })
    expect(settingsOf({ numPrompts: 7 }).numPrompts).toBe(7)
  })

  it.each<[CaseFlags, string]>([
    [{ attnSparsity: 1.5 }, 'attention sparsity must be 0 to 1'],
    [{ reallocateTiming: 4 }, '--reallocate-timing must be 0, 1, 2 or 3, not 4'],
    [{ reallocateEvery: 4 }, '--reallocate-every has no meaning without --reallocate-timing 3'],
    [{ reallocateTiming: 2, debugMode: 'breakdown' }, '--debug-mode and --reallocate-timing do not go together'],
    [{ includeReallocatePunish: true }, '--include-reallocate-punish has no meaning without --reallocate-timing'],
    [{ debugMode: 'breakdown', overlap: true }, '--debug-mode breakdown and --overlap do not go together'],
    [{ hostBackend: 'native', percent: onDevice }, '--host-backend has no meaning without --cpu-cache-compute'],
    [
      { throttleDisk: '1GB/s', percent: [100, 0, 100, 0, 100, 0] },
      '--throttle-disk has no meaning where --percent leaves nothing on disk',
    ],
    [{ throttleDisk: 'slow', percent: [0, 0, 100, 0, 100, 0] }, "--throttle-disk: 'slow' is not a size"],
    [{ cutGenLen: 5, debugMode: 'fewer_batch' }, '--cut-gen-len and --debug-mode fewer_batch'],
    [{ cutGenLen: 3 }, '--cut-gen-len 3 must be at least 4 and at most --gen-len 32'],
    [{ cutGenLen: 33 }, '--cut-gen-len 33 must be at least 4'],
    [{ cutGenLen: 4, numPrompts: 5, percent: onDevice }, '--cut-gen-len projects one block: --num-prompts 5'],
    [{ debugMode: 'fewer_batch', numPrompts: 5, percent: onDevice }, '--debug-mode fewer_batch projects one block'],
    [{ debugMode: 'fewer_batch', maxNewTokens: 1 }, 'needs a --gen-len above 1'],
    [{ percent: [60, 60, 100, 0, 100, 0] }, 'more than 100'],
    [{ maxRam: 'much' }, "--max-ram: 'much' is not a size"],
    [{ policy: 'policy.json', percent: [100, 0, 100, 0, 100, 0] }, '--policy and --percent both say where things go'],
  ])('%o are refused', (flags, message) => {
    expect(() => settingsOf(flags)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
    )
  })

  it('leave to the planner, or to a file, what no percents say', () => {
    expect(settingsOf({ gpuBatchSize: 3 }).choice).toEqual({ gpuBatchSize: 3 })
    expect(settingsOf({ policy: 'auto', numPrompts: 9 }).choice).toEqual({ numPrompts: 9 })
    expect(settingsOf({ policy: 'p.json' }).choice).toEqual({ file: 'p.json' })
    expect(settingsOf({ percent: [100, 0, 100, 0, 100, 0] }).choice).toBeUndefined()
    // The share that the host attends is the planner's all the same.
    expect(settingsOf({ policy: 'auto', percent: [0, 100, 0, 100, 0, 100] }).choice).toEqual({
      percent: [0, 100, 0, 100, 0, 100],
    })
    expect(settingsOf({ placement: 'flexgen' }).choice).toBeUndefined()
  })

  it('of compression, sparsity and host attention become the policy', () => {
    const flags = { attnSparsity: 0.1, compressWeight: true, compressCache: true, cpuCacheCompute: true }
    expect(settingsOf(flags).policy).toMatchObject({
      attentionSparsity: 0.1,
      compressWeight: true,
      compressCache: true,
      hostAttentionPercent: 100,
    })
  })

  it('of placement and a slower disk are taken', () => {
    const settings = settingsOf({ placement: 'flexgen', throttleDisk: '500MB/s', percent: [0, 0, 100, 0, 100, 0] })
    expect(settings).toMatchObject({ policy: { placement: 'flexgen' }, diskBytesPerSecond: 500e6 })
  })

  it('that change nothing are taken', () => {
    const flags = { attnSparsity: 1, compressWeight: false, reallocateTiming: 0, includeReallocatePunish: false }
    expect(settingsOf(flags)).toEqual(settingsOf({}))
  })
})
