import { expect, it } from 'vitest'
import { sequenceLength } from './sequence-lengths.ts'

it('goes through a list again and again, draws from a range by seed and sequence, and is silent without either', () => {
  expect([0, 1, 2, 3].map((sequence) => sequenceLength([5, 2, 9], sequence))).toEqual([5, 2, 9, 5])
  const range = { least: 3, most: 6, seed: 1 }
  const drawn = Array.from({ length: 400 }, (_, sequence) => sequenceLength(range, sequence)!)
  expect(new Set(drawn)).toEqual(new Set([3, 4, 5, 6]))
  for (const length of [3, 4, 5, 6]) expect(drawn.filter((each) => each === length).length).toBeGreaterThan(60)
  expect(drawn).toEqual(Array.from({ length: 400 }, (_, sequence) => sequenceLength(range, sequence)!))
  expect(sequenceLength({ ...range, seed: 2 }, 0)).toBeTypeOf('number')
  expect(sequenceLength(undefined, 7)).toBeUndefined()
})
