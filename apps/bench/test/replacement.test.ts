import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

  describe('where RAM is taken', () => {
    const job = {
      ...machine,
      promptLen: 512,
      maxNewTokens: 40,
      percent: [100, 0, 0, 100, 100, 0],
      maxDeviceMemory: '16GiB',
      maxRam: '60GB',
    }
    let folder: string
    beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-ram-'))))
    afterAll(() => rmSync(folder, { recursive: true }))

    async function taken(bytes: number) {
      const scenario = path.join(folder, `${bytes}.json`)
      const changes = [
        { atSweep: 8, budget: 'ram', bytes },
        { atSweep: 14, budget: 'ram', bytes: 60e9 },
      ]
      writeFileSync(scenario, JSON.stringify({ schemaVersion: 1, changes }))
      const { replacement, notices } = await measure({ ...job, ...follows, scenario })
      expect(notices.filter((line) => line.includes('cannot shrink'))).toEqual([])
      const narrow = replacement!.timeline.filter(({ limits }) => limits.ram === bytes)
      expect(narrow.length).toBeGreaterThan(4)
      for (const { planned } of narrow) expect(planned.ram).toBeLessThanOrEqual(bytes)
      return { ...replacement!, narrow }
    }

    it('lets the copies of pinned weights leave first, in no time', async () => {
      const { steps, timeline, moveSeconds } = await taken(10e9)
      expect(steps.find(({ what }) => what === 'budget')!.leftRamBytes).toBeGreaterThan(1e9)
      expect(timeline.every(({ diskRows }) => diskRows === 0)).toBe(true)
      expect(moveSeconds).toBe(0)
    })

    it('sends KV to the disk for the rest, at its speed, and brings it back', async () => {
      const { narrow, timeline, moveSeconds } = await taken(2e9)
      expect(narrow.every(({ diskRows }) => diskRows > 0)).toBe(true)
      expect(timeline.at(-1)!.diskRows).toBe(0)
      // Whole pages of 64 positions, at the 1.5 GB/s or so that the profile's disk writes.
      const pages = narrow[0]!.diskRows * Math.floor(520 / 64) * 64 * 2 * 4096 * 2
      expect(moveSeconds).toBeGreaterThan(pages / 3e9)
      expect(moveSeconds).toBeLessThan(pages / 0.75e9)
    })
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
