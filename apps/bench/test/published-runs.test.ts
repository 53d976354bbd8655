import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fillPart } from '../src/simulate/published/fill-page.ts'
import { publishedPlot } from '../src/simulate/published/published-plot.ts'
import { type PublishedRun, publishedRuns } from '../src/simulate/published/published-runs.ts'
import { publishedTable } from '../src/simulate/published/published-table.ts'
import { simulateRun } from '../src/simulate/published/simulate-run.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-published-'))
afterAll(() => rmSync(folder, { recursive: true }))

const page = readFileSync(new URL('../../../docs/simulation.md', import.meta.url), 'utf8')

function runOf(table: PublishedRun['table'], model: string, title: string): PublishedRun {
  return publishedRuns.find((run) => run.table === table && run.model === model && run.title === title)!
}

/** Tokens a second that the page has in the column `simulated` of a row. */
function shownIn(row: string): number {
  const [, cells] = new RegExp(`^\\| ${row} \\|(.*)$`, 'm').exec(page)!
  return Number(cells!.split('|')[2])
}

describe('the published runs', () => {
  it('are all of 6.7b, 30b and 175b on one T4, with and without 4 bits, the ablation and the disks', () => {
    const count = (filter: (run: PublishedRun) => boolean): number => publishedRuns.filter(filter).length
    for (const model of ['opt-6.7b', 'opt-30b', 'opt-175b']) {
      expect(count((run) => run.table === 'throughput' && run.model === model && !run.isFourBit)).toBe(5)
      expect(count((run) => run.table === 'throughput' && run.model === model && run.isFourBit)).toBe(5)
    }
    expect([count(({ table }) => table === 'ablation'), count(({ table }) => table === 'disk')]).toEqual([12, 6])
  })

  // What is quick of them: the page is made by scripts/simulate-published.mjs.
  it.each([
    ['throughput', 'opt-6.7b', '512/32', 'OPT-6.7B, 512/32'],
    ['throughput', 'opt-30b', '512/32', 'OPT-30B, 512/32'],
    ['ablation', 'opt-30b', 'DeepSpeed policy', 'OPT-30B, DeepSpeed policy'],
    ['disk', 'opt-30b', 'persistent, 0.5/0.5 GB/s', 'OPT-30B, persistent, 0.5/0.5 GB/s'],
  ] as const)('the page shows what is simulated: %s, %s, %s', async (table, model, title, row) => {
    const { simulated } = await simulateRun(runOf(table, model, title), folder)
    expect(shownIn(row) / simulated!.tokensPerSecond).toBeGreaterThan(0.95)
    expect(shownIn(row) / simulated!.tokensPerSecond).toBeLessThan(1.05)
  })

  it('that do not fit are shown so', async () => {
    const run = await simulateRun(runOf('ablation', 'opt-175b', 'no disk'), folder)
    expect(run.simulated).toBeUndefined()
    expect(publishedTable([run], 'ablation')).toContain('| does not fit | does not fit | - | - | - |')
  })

  it('have a plot and a place in the page', async () => {
    const run = runOf('throughput', 'opt-30b', '512/32')
    const shown = { ...run, simulated: { tokensPerSecond: 8, prefillSeconds: 200, decodeSeconds: 376 } }
    const svg = await publishedPlot([shown])
    for (const text of ['<svg ', '>OPT-30B 512/32<', '>tokens per second<', '>simulated<']) expect(svg).toContain(text)
    expect(publishedTable([shown], 'throughput').split('\n')[2]).toBe(
      '| OPT-30B, 512/32 | 48x3, 20 80 0 100 0 100, host attention | 7.32 | 8 | 1.09 | 200 | 376 |',
    )
    expect(fillPart('a <!-- x -->old<!-- /x --> b', 'x', 'new')).toBe('a <!-- x -->\n\nnew\n\n<!-- /x --> b')
    expect(() => fillPart('a', 'x', 'new')).toThrow("no part 'x'")
  })
})
