import { describe, expect, it } from 'vitest'
import { coveredMs, type Interval } from './busy-time.ts'

describe('time that is covered', () => {
  it.each<[Interval[], number]>([
    [[], 0],
    [
      [
        [0, 2],
        [5, 6],
      ],
      3,
    ],
    [
      [
        [5, 10],
        [0, 12],
      ],
      12,
    ],
    [
      [
        [0, 10],
        [2, 3],
        [4, 12],
      ],
      12,
    ],
    [
      [
        [1, 1],
        [1, 2],
        [2, 3],
      ],
      2,
    ],
  ])('by %o', (intervals, ms) => expect(coveredMs(intervals)).toBe(ms))
})
