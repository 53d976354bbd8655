import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Outcome } from './outcome.ts'
import { openResults } from './results-file.ts'
import type { Side } from './side.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-results-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = path.join(folder, 'results.jsonl')
beforeEach(() => rmSync(file, { force: true }))

const sides: Side[] = [{ kind: 'command', title: 'a', command: 'run a' }]
const failed: Outcome = { ok: false, failure: { code: 'USAGE', message: 'no', hint: 'yes' } }
const good: Outcome = {
  ok: true,
  repetition: {
    startedAt: '2026-11-20T10:00:00.000Z',
    wallSeconds: 3,
    prefillSeconds: 1,
    decodeSeconds: 2,
    decodeTokensPerSecond: 5,
    processMemory: { peakRssBytes: 10, peakAnonymousBytes: 5, samples: [{ atMs: 1, rssBytes: 10, anonymousBytes: 5 }] },
  },
}

describe('results', () => {
  it('are kept line by line, and gone on with in another sitting', async () => {
    const first = await openResults(file, sides, false)
    expect([first.earlier, first.sitting]).toEqual([[], 0])
    await first.add({ side: 0, repetition: 0, outcome: good })
    await first.add({ side: 0, repetition: 1, outcome: failed })
    const second = await openResults(file, sides, true)
    expect(second.sitting).toBe(1)
    expect(second.earlier).toEqual([
      { side: 0, repetition: 0, sitting: 0, outcome: good },
      { side: 0, repetition: 1, sitting: 0, outcome: failed },
    ])
    await second.add({ side: 0, repetition: 2, outcome: good })
    expect((await openResults(file, sides, true)).earlier.map(({ sitting }) => sitting)).toEqual([0, 0, 1])
  })

  it.each(['{"side":0,"repet', '{"side":0,"repetition":1,"sitting":0,"outcome":{}}'])(
    'lose a last line that was torn: %s',
    async (torn) => {
      await (await openResults(file, sides, false)).add({ side: 0, repetition: 0, outcome: good })
      const whole = readFileSync(file, 'utf8')
      appendFileSync(file, torn)
      const { earlier, add } = await openResults(file, sides, true)
      expect(earlier).toHaveLength(1)
      expect(readFileSync(file, 'utf8')).toBe(whole)
      await add({ side: 0, repetition: 1, outcome: good })
      expect((await openResults(file, sides, true)).earlier).toHaveLength(2)
    },
  )

  it('begin anew where even the first line was torn', async () => {
    writeFileSync(file, '{"flexge')
    expect((await openResults(file, sides, true)).earlier).toEqual([])
    expect((await openResults(file, sides, true)).earlier).toEqual([])
  })

  it('are not overwritten, nor mixed with those of other commands', async () => {
    await openResults(file, sides, false)
    await expect(openResults(file, sides, false)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('has results already'),
    })
    await expect(openResults(file, [{ ...sides[0]!, command: 'run b' }], true)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('other commands'),
    })
  })

  it('that are none are refused by their line', async () => {
    await openResults(file, sides, false)
    appendFileSync(file, '{"side":-1}\n')
    await expect(openResults(file, sides, true)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('line 2'),
    })
    await expect(openResults(folder, sides, true)).rejects.toMatchObject({ code: 'READ_FAILED' })
  })
})
