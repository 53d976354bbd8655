import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interpolateCost } from './interpolate.ts'

const points = [
  { size: 32, cost: 6 },
  { size: 1, cost: 2 },
  { size: 8, cost: 3 },
]

describe('interpolateCost', () => {
  it.each([
    [0.5, 2],
    [1, 2],
    [4.5, 2.5],
    [8, 3],
    [20, 4.5],
    [32, 6],
    [320, 60],
  ])('at %f is %f', (size, cost) => {
    expect(interpolateCost(points, size)).toBeCloseTo(cost, 12)
  })

  it('takes one point, and never falls', () => {
    expect(interpolateCost([{ size: 4, cost: 8 }], 1)).toBe(8)
    expect(interpolateCost([{ size: 4, cost: 8 }], 8)).toBe(16)
    const cost = fc.double({ min: 0.1, max: 10, noNaN: true })
    const some = fc.uniqueArray(fc.record({ size: fc.integer({ min: 1, max: 99 }), cost }), {
      selector: (point) => point.size,
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 120 }), (all, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        expect(interpolateCost(all, less)).toBeLessThanOrEqual(interpolateCost(all, more) * (1 + 1e-12))
      }),
    )
  })
})
