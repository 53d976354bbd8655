import { expect, it } from 'vitest'
import { TimeLimit } from './time-limit.ts'

it('a time limit lets a run begin only where the longest of its side fits in what is left', () => {
  let nowMs = 5000
  const limit = new TimeLimit(100, () => nowMs)
  expect([limit.allows(0), limit.isReached]).toEqual([true, false])
  limit.took(0, 30)
  limit.took(0, 20)
  limit.took(1, 50)
  nowMs += 60_000
  expect([limit.allows(0), limit.isReached]).toEqual([true, false])
  expect([limit.allows(1), limit.isReached]).toEqual([false, true])
  // Of a side that has not run yet nothing is known.
  expect(limit.allows(2)).toBe(true)
  nowMs += 41_000
  expect(limit.allows(2)).toBe(false)
})
