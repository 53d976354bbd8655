import { describe, expect, it } from 'vitest'
import type { PlannedRun } from './measure-sides.ts'
import { createRunDiary } from './run-diary.ts'
import type { Outcome } from './outcome.ts'
import type { Side } from './side.ts'

const sides: Side[] = ['a', 'b'].map((title) => ({ kind: 'command', title, command: title }))
const plan: PlannedRun[] = [undefined, 0, 1].flatMap((repetition) => [0, 1].map((side) => ({ side, repetition })))
const good: Outcome = {
  ok: true,
  repetition: {
    startedAt: '2026-11-20T10:00:00.000Z',
    wallSeconds: 9,
    prefillSeconds: 1.5,
    decodeSeconds: 2,
    decodeTokensPerSecond: 14,
    processMemory: { peakRssBytes: 2e9, peakAnonymousBytes: 1e9, samples: [] },
  },
}

describe('the diary of a benchmark', () => {
  it('says what has run and how long the rest takes', () => {
    const lines: string[] = []
    let nowMs = 0
    const diary = createRunDiary(sides, plan, { out: () => undefined, log: (line) => lines.push(line) }, () => nowMs)
    const run = (index: number, seconds: number, outcome: Outcome): void => {
      diary.begin(plan[index]!)
      nowMs += 1000 * seconds
      diary.end(plan[index]!, outcome)
    }
    run(0, 10, good)
    run(1, 20, good)
    run(2, 12, good)
    run(3, 1, { ok: false, failure: { code: 'OUT_OF_MEMORY', message: 'killed', hint: '' } })
    run(4, 12, good)
    const figures = 'prefill 1.5 s, decode 2 s (14 tok/s), peak RSS 2 GB'
    expect(lines).toEqual([
      `[1/6] a, warm-up: ${figures}; about 50 s left`,
      `[2/6] b, warm-up: ${figures}; about 1 min 00 s left`,
      `[3/6] a, repetition 1: ${figures}; about 52 s left`,
      // Its other repetition is not run.
      '[4/5] b, repetition 1: failed: OUT_OF_MEMORY: killed; about 12 s left',
      `[5/5] a, repetition 2: ${figures}`,
    ])
  })
})
