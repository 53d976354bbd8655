import { describe, expect, it } from 'vitest'
import type { CaseFlags } from '../case/case-flags.ts'
import { settingsOf } from '../case/case-settings.ts'
import { casesOfSuite, suites } from './find-suite.ts'

const flagsOf = (suite: string, only = ''): CaseFlags[] => casesOfSuite(suite, {}, only).map(({ flags }) => flags)

/** `gbs x nb, percents` of a case. */
const policyOf = ({ gpuBatchSize, numGpuBatches = 1, percent }: CaseFlags): string =>
  `${gpuBatchSize}x${numGpuBatches}, ${percent!.join(' ')}`

describe('suites', () => {
  // The table of policies in FlexGen's published runs, column by column.
  it.each([
    ['6.7b', ['4x1, 100 0 100 0 100 0', '2x1, 100 0 100 0 100 0', '1x1, 100 0 100 0 100 0']],
    ['30b', ['160x2, 10 90 0 100 0 100', '48x3, 20 80 0 100 0 100', '20x4, 4 96 0 100 0 100']],
    ['175b', ['64x8, 0 50 0 0 0 100', '32x8, 0 50 0 0 0 100', '12x12, 0 50 0 0 0 100']],
    ['6.7b-4bit', ['128x1, 100 0 100 0 100 0', '72x1, 100 0 100 0 100 0', '28x1, 100 0 100 0 100 0']],
    ['30b-4bit', ['128x8, 0 100 0 100 0 100', '64x8, 0 100 0 100 0 100', '20x12, 0 100 0 100 0 100']],
    ['175b-4bit', ['96x3, 0 100 0 100 0 100', '48x3, 0 100 0 100 0 100', '12x4, 0 100 0 100 0 100']],
  ])('%s has the published policies for 256, 512 and 1024', (suite, policies) => {
    expect(flagsOf(suite).map(policyOf)).toEqual(policies)
    expect(flagsOf(suite).map(({ promptLen, maxNewTokens }) => [promptLen, maxNewTokens])).toEqual([
      [256, 32],
      [512, 32],
      [1024, 32],
    ])
  })

  it('have the other settings of the published runs', () => {
    const base = { path: '_DUMMY_' }
    expect(flagsOf('6b7_1x1_comp')).toEqual(
      Array(3).fill(expect.objectContaining({ ...base, overlap: false, compressWeight: true, compressCache: true })),
    )
    expect(flagsOf('30b_1x1', '512')).toEqual([
      {
        ...base,
        model: 'facebook/opt-30b',
        promptLen: 512,
        maxNewTokens: 32,
        percent: [20, 80, 0, 100, 0, 100],
        gpuBatchSize: 48,
        numGpuBatches: 3,
        cpuCacheCompute: true,
        debugMode: 'fewer_batch',
      },
    ])
    expect(flagsOf('175b')[0]).toMatchObject({ pinWeight: false, cpuCacheCompute: true, debugMode: 'fewer_batch' })
    expect(flagsOf('30b-4bit')[0]).not.toHaveProperty('cpuCacheCompute')
    expect(flagsOf('30b-4bit')[0]).not.toHaveProperty('compressWeight')
    expect(flagsOf('175b-4bit')[0]).toMatchObject({ compressWeight: true, compressCache: true, pinWeight: false })
  })

  it('have the seven runs of the seed, with the moves of each', () => {
    const flags = flagsOf('reallocate-30b')
    expect(
      flags.map(({ reallocateTiming = 0, includeReallocatePunish = false }) => [
        reallocateTiming,
        includeReallocatePunish,
      ]),
    ).toEqual([
      [0, false],
      [1, false],
      [2, false],
      [3, false],
      [1, true],
      [2, true],
      [3, true],
    ])
    expect(policyOf(flags[0]!)).toBe('32x5, 12 78 0 100 0 100')
    expect(settingsOf(flags[0]!)).toMatchObject({ numPrompts: 160, promptLen: 512, genLen: 32 })
    expect(flags.map((each) => settingsOf(each).replacement?.timing)).toEqual([undefined, 1, 2, 3, 1, 2, 3])
    expect(settingsOf(flags[4]!).replacement).toMatchObject({ timing: 1, includePunish: true })
  })

  it('of our own need nothing that is missing', () => {
    for (const { flags } of [...casesOfSuite('small'), ...casesOfSuite('1.3b')]) {
      expect(settingsOf(flags)).toMatchObject({ path: '_DUMMY_', warmUpTokens: 1 })
    }
  })

  it('have titles that differ, and take changes and a filter', () => {
    for (const { name, cases } of suites)
      expect([name, new Set(cases.map(({ title }) => title)).size]).toEqual([name, cases.length])
    const [first, ...others] = casesOfSuite('small', { gpuBatchSize: 3, threads: 1 }, 'ON DISK, NO')
    expect(others).toEqual([])
    expect(first).toMatchObject({
      title: 'opt-125m: weights on disk, no overlap',
      flags: { gpuBatchSize: 3, threads: 1, overlap: false, percent: [0, 0, 100, 0, 100, 0] },
    })
  })

  it('can be cut down to some of several titles', () => {
    const titles = casesOfSuite('reallocate-30b', {}, 'fitted|(every token), with').map(({ title }) => title)
    expect(titles).toEqual(['opt-30b: Fitted ratios', 'opt-30b: Reallocate-in-flight (every token), with punish'])
  })

  it('are named after the model that is given instead', () => {
    const [first] = casesOfSuite('reallocate-30b', { model: 'facebook/opt-13b' })
    expect(first).toMatchObject({ title: 'opt-13b: Fitted ratios', flags: { model: 'facebook/opt-13b' } })
  })

  it('that are not there are refused with those that are', () => {
    expect(() => casesOfSuite('13b')).toThrow(expect.objectContaining({ hint: expect.stringContaining('small, 1.3b') }))
    expect(() => casesOfSuite('small', {}, 'xyz')).toThrow("no case of suite small has 'xyz'")
  })
})
