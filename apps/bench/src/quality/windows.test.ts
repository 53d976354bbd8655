import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutWindows } from './windows.ts'

describe('windows', () => {
  it('score the first part whole, and then stride by stride', () => {
    expect(cutWindows([10, 11, 12, 13, 14, 15, 16], 2, 5, 2)).toEqual([
      { ids: [2, 10, 11, 12, 13], scored: 4 },
      { ids: [2, 12, 13, 14, 15], scored: 2 },
      { ids: [2, 13, 14, 15, 16], scored: 1 },
    ])
    expect(cutWindows([7], 2, 5, 2)).toEqual([{ ids: [2, 7], scored: 1 }])
    expect(cutWindows([], 2, 5, 2)).toEqual([])
  })

  it('score every id once, in order, with its context', () => {
    const sizes = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 3, max: 20 })).chain(([count, length]) =>
      fc.record({
        count: fc.constant(count),
        length: fc.constant(length),
        stride: fc.integer({ min: 1, max: length - 1 }),
      }),
    )
    fc.assert(
      fc.property(sizes, ({ count, length, stride }) => {
        const text = Array.from({ length: count }, (_, i) => 100 + i)
        const windows = cutWindows(text, 1, length, stride)
        expect(windows.flatMap(({ ids, scored }) => ids.slice(-scored))).toEqual(text)
        for (const { ids, scored } of windows) {
          expect(ids[0]).toBe(1)
          expect(ids.length).toBeLessThanOrEqual(length)
          const context = ids.length - 1 - scored
          const before = ids.at(-scored)! - 100
          expect(context).toBeGreaterThanOrEqual(Math.min(before, length - stride - 1))
        }
      }),
    )
  })
})
