import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { placeRows } from './place-rows.ts'

describe('placeRows', () => {
  it('keeps every tier within one row of its share after every row', () => {
    const percents = fc
      .tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }))
      .filter(([device, ram]) => device + ram <= 100)
    fc.assert(
      fc.property(percents, fc.integer({ min: 1, max: 300 }), ([device, ram], count) => {
        const percent = { device, ram, disk: 100 - device - ram }
        const homes = placeRows(percent)
        const seen = { device: 0, ram: 0, disk: 0 }
        for (let n = 1; n <= count; n++) {
          seen[homes.next().value]++
          for (const tier of ['device', 'ram', 'disk'] as const) {
            expect(Math.abs(seen[tier] - (n * percent[tier]) / 100)).toBeLessThanOrEqual(1 + 1e-9)
            if (percent[tier] === 0) expect(seen[tier]).toBe(0)
          }
        }
      }),
    )
  })
})
