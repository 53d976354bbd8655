import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Percent } from './planned-policy.ts'
import { roundPercent } from './round-percent.ts'

describe('roundPercent', () => {
  it.each<[Percent, Percent]>([
    [
      [12.428276, 77.809922, 0, 100, 0, 100],
      [12, 78, 0, 100, 0, 100],
    ],
    [
      [34.33, 65.67, 0, 95.061, 100, 0],
      [34, 66, 0, 95, 100, 0],
    ],
    [
      [34.5, 65.5, 83.022, 16.978, 0, 100],
      [35, 65, 83, 17, 0, 100],
    ],
    [
      [33.3333333, 33.3333333, 99.99999999, 0, 0, 0],
      [34, 33, 100, 0, 0, 0],
    ],
  ])('%j is %j', (exact, want) => {
    expect(roundPercent(exact)).toEqual(want)
  })

  it('keeps every share within one percent and the sum whole', () => {
    const three = fc
      .tuple(fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([device, share]) => [device, (100 - device) * share] as const)
    fc.assert(
      fc.property(three, three, three, ([a, b], [c, d], [e, f]) => {
        const exact: Percent = [a, b, c, d, e, f]
        const rounded = roundPercent(exact)
        rounded.forEach((share, i) => {
          expect(Number.isInteger(share)).toBe(true)
          expect(Math.abs(share - exact[i]!)).toBeLessThan(1.000002)
        })
        for (const at of [0, 2, 4] as const) {
          const disk = 100 - rounded[at] - rounded[at + 1]!
          expect(disk).toBeGreaterThanOrEqual(0)
          expect(Math.abs(disk - (100 - exact[at] - exact[at + 1]!))).toBeLessThan(1.000002)
        }
      }),
    )
  })
})
