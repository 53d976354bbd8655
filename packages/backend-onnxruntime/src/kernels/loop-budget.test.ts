import { expect, it } from 'vitest'
import { createLoopBudget, estimateUs } from './loop-budget.ts'

it('short runs stay on this thread until they have kept the event loop for some milliseconds', () => {
  let nowMs = 0
  const budget = createLoopBudget({ now: () => nowMs })
  expect(budget.mayBlock(90)).toBe(true)
  expect(budget.mayBlock(110)).toBe(false)
  nowMs = 3.9
  expect(budget.mayBlock(90)).toBe(true)
  nowMs = 4
  expect(budget.mayBlock(90)).toBe(false)
  budget.turned()
  expect(budget.mayBlock(90)).toBe(true)
})

it('other work is done at once, or after the turn of the event loop that is due', async () => {
  let nowMs = 0
  const budget = createLoopBudget({ now: () => nowMs })
  const done: string[] = []
  expect(budget.takeTurn(() => void done.push('at once'))).toBeUndefined()
  nowMs = 5
  const later = budget.takeTurn(() => void done.push('later'))
  expect(done).toEqual(['at once'])
  await later
  expect(done).toEqual(['at once', 'later'])
  expect(budget.takeTurn(() => void done.push('at once again'))).toBeUndefined()
})

it('work is bound by memory or by multiplications', () => {
  expect(estimateUs(1e6, 0)).toBe(100)
  expect(estimateUs(1e6, 10e6)).toBe(400)
})
