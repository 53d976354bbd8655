import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FreeRanges } from './free-ranges.ts'

it('hands out pieces that never overlap, and is whole again once all are given back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.nat(9)), { maxLength: 60 }), (steps) => {
      const ranges = new FreeRanges(100)
      const held: [start: number, size: number][] = []
      for (const [size, drop] of steps) {
        const start = ranges.take(size)
        if (start !== undefined) {
          expect(start + size).toBeLessThanOrEqual(100)
          for (const [other, length] of held) expect(start >= other + length || start + size <= other).toBe(true)
          held.push([start, size])
        }
        if (drop < held.length) ranges.give(...held.splice(drop, 1)[0]!)
      }
      for (const piece of held.splice(0)) ranges.give(...piece)
      expect(ranges.isEmpty).toBe(true)
      expect(ranges.take(100)).toBe(0)
    }),
  )
})

it('has nothing for what is too large', () => {
  const ranges = new FreeRanges(10)
  expect(ranges.take(11)).toBeUndefined()
  expect(ranges.take(6)).toBe(0)
  expect(ranges.take(5)).toBeUndefined()
  expect(ranges.take(4)).toBe(6)
})
