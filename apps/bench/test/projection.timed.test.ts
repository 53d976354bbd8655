import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CaseFlags } from '../src/case/case-flags.ts'
import { settingsOf } from '../src/case/case-settings.ts'
import { projectCutRun } from '../src/formulas/projection.ts'
import { measureSides } from '../src/run/measure-sides.ts'
import type { Side } from '../src/run/side.ts'
import { spreadOf } from '../src/report/spread.ts'

const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-projection-'))
afterAll(() => rmSync(offloadDir, { recursive: true, force: true }))

const common: CaseFlags = {
  model: 'opt-125m',
  path: '_DUMMY_',
  offloadDir,
  gpuBatchSize: 8,
  promptLen: 64,
  maxNewTokens: 48,
  percent: [0, 0, 100, 0, 100, 0],
}
const kinds: Record<string, CaseFlags> = {
  full: {},
  'cut-gen-len': { cutGenLen: 12 },
  fewer_batch: { debugMode: 'fewer_batch' },
}
const sides = Object.entries(kinds).map(([title, flags]): Side => ({
  kind: 'flexgen',
  title,
  command: title,
  settings: settingsOf({ ...common, ...flags }),
}))

/** Times of each side: of the whole run also what its own first twelve tokens would have given. */
async function measure(): Promise<Map<string, { measured: number[]; fromStart: number[]; projected: boolean }>> {
  const times = new Map(
    sides.map(({ title }) => [title, { measured: [] as number[], fromStart: [] as number[], projected: false }]),
  )
  await measureSides({
    sides,
    repeat: 5,
    warmUp: 1,
    onOutcome: ({ side, repetition }, outcome) => {
      if (!outcome.ok) expect.fail(outcome.failure.message)
      if (repetition === undefined) return
      const { decodeSeconds, measurement } = outcome.repetition
      const mine = times.get(sides[side]!.title)!
      mine.measured.push(decodeSeconds)
      mine.projected = measurement!.projected
      if (!mine.projected) mine.fromStart.push(projectCutRun(measurement!.sweepSeconds.slice(0, 12), 48).decodeSeconds)
    },
  })
  return times
}

describe('projected times', () => {
  it('are within 10 % of the whole run, weights on disk, median of 5 in turn', { timeout: 900_000 }, async () => {
    const times = await measure()
    const median = (values: readonly number[]): number => spreadOf(values).median
    const full = times.get('full')!
    expect([...times.values()].map(({ projected }) => projected)).toEqual([false, true, true])
    const ratios = {
      sameRun: median(full.fromStart.map((seconds, i) => seconds / full.measured[i]!)),
      cut: median(times.get('cut-gen-len')!.measured) / median(full.measured),
      fewer: median(times.get('fewer_batch')!.measured) / median(full.measured),
    }
    const off = Object.entries(ratios).filter(([, ratio]) => Math.abs(ratio - 1) > 0.1)
    expect(off).toEqual([])
  })
})
