import { expect, it } from 'vitest'
import { summarize } from './time-runs.ts'

it('gives the middle and the tenths of times in any order', () => {
  const times = Array.from({ length: 11 }, (_, i) => ((i * 7) % 11) + 1)
  expect(summarize(times)).toEqual({ medianMs: 6, lowMs: 2, highMs: 10, runs: 11 })
  expect(summarize([4])).toEqual({ medianMs: 4, lowMs: 4, highMs: 4, runs: 1 })
})
