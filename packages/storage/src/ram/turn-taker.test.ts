import { expect, it } from 'vitest'
import { createTurnTaker, turnBytes } from './turn-taker.ts'

it('copies at once until much was copied, then gives the event loop a turn', async () => {
  const takeTurn = createTurnTaker()
  const done: number[] = []
  expect(takeTurn(turnBytes - 1, () => done.push(1))).toBeUndefined()
  expect(takeTurn(1, () => done.push(2))).toBeUndefined()
  const later = takeTurn(1, () => done.push(3))
  expect(done).toEqual([1, 2])
  // Promises alone do not let it go on: timers and reads must have had their turn.
  for (let i = 0; i < 10; i++) await Promise.resolve()
  expect(done).toEqual([1, 2])
  await later
  expect(done).toEqual([1, 2, 3])
  expect(takeTurn(turnBytes - 1, () => done.push(4))).toBeUndefined()
})
