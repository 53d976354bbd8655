import { describe, expect, it } from 'vitest'
import type { CaseFlags } from '../src/case/case-flags.ts'
import { settingsOf } from '../src/case/case-settings.ts'
import type { Measurement } from '../src/measure/measurement.ts'
import { measureCase } from '../src/measure/measure-case.ts'

const follows = { reallocateTiming: 2, includeReallocatePunish: true } as const
const measure = (flags: CaseFlags): Promise<Measurement> => measureCase(settingsOf(flags, 0))
const seconds = ({ prefillSeconds, decodeSeconds }: Measurement): number => prefillSeconds + decodeSeconds

// What whole suites reach stands in docs/replacement.md; these are short ones of them, on the virtual clock.
describe('placement that follows a simulated run', () => {
  const machine = { simulate: 'h100-pcie5', model: 'opt-6.7b', promptLen: 64, gpuBatchSize: 16, numGpuBatches: 1 }

  it('uses a budget that grows, and holds one that shrinks', async () => {
    const job = { ...machine, maxNewTokens: 512, percent: [100, 0, 100, 0, 100, 0], maxDeviceMemory: '38GiB' }
    const moving = await measure({ ...job, ...follows, scenario: 'budget-38-14-38', cpuCacheCompute: true })
    const fixed = await measure({
      ...job,
      percent: [80, 20, 0, 100, 100, 0],
      maxDeviceMemory: '14GiB',
      cpuCacheCompute: true,
    })
    expect(seconds(fixed) / seconds(moving)).toBeGreaterThan(1.2)
    const { steps, timeline } = moving.replacement!
    expect(steps.filter(({ what }) => what === 'budget').map(({ why }) => why)).toEqual([
      'it has shrunk',
      'it has grown',
    ])
    const [narrow, wide] = [timeline.find(({ sweep }) => sweep === 200)!, timeline.at(-1)!]
    expect(narrow.planned.device).toBeLessThanOrEqual(14 * 2 ** 30)
    expect(narrow.limits.device).toBe(14 * 2 ** 30)
    expect(wide.pinnedBytes).toBeGreaterThanOrEqual(narrow.pinnedBytes)
    expect(wide.deviceRows).toBeGreaterThan(narrow.deviceRows)
  })

  it.each(['link-slower', 'host-slower'])(
    'gains where the machine is not what the plan believes: %s',
    async (scenario) => {
      const job = {
        ...machine,
        gpuBatchSize: 32,
        numGpuBatches: 2,
        maxNewTokens: 96,
        maxDeviceMemory: '11GiB',
        percent: [70, 30, 0, 100, 100, 0],
        cpuCacheCompute: true,
        scenario,
      }
      const [fixed, moving] = [await measure(job), await measure({ ...job, ...follows })]
      expect(seconds(fixed) / seconds(moving)).toBeGreaterThan(0.99)
    },
  )

  it('costs nothing where nothing is to be won', async () => {
    const job = { ...machine, maxNewTokens: 48, percent: [100, 0, 100, 0, 100, 0] }
    const fixed = await measure(job)
    for (const reallocateTiming of [1, 2, 3]) {
      const moving = await measure({ ...job, ...follows, reallocateTiming })
      expect(seconds(fixed) / seconds(moving)).toBeGreaterThan(0.99)
    }
  })

  it('takes two to six times as long the way of the fork', async () => {
    const job = {
      simulate: 'seed-machine',
      model: 'opt-30b',
      placement: 'flexgen',
      percent: [12, 78, 0, 100, 0, 100],
      gpuBatchSize: 32,
      numGpuBatches: 5,
    } as const
    const fixed = await measure(job)
    const copied = await measure({ ...job, ...follows, reallocateTiming: 3, reallocator: 'random-copy' })
    // The log: 1193 and 1706 s against 481 s.
    expect(copied.decodeSeconds / fixed.decodeSeconds).toBeGreaterThan(1706 / 481 / 2)
    expect(copied.decodeSeconds / fixed.decodeSeconds).toBeLessThan((1193 / 481) * 2)
  })
})
