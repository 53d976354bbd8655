import { describe, expect, it } from 'vitest'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import { findLacks } from './find-lacks.ts'

const capacity: TierAmounts = { device: 100, ram: 1000, disk: 0 }

describe('findLacks', () => {
  it('finds each tier that could make it alone, the least in proportion first', () => {
    const { lacks, eitherOf } = findLacks(capacity, ({ device, ram }) => device >= 5000 || ram >= 1500)
    expect(lacks).toEqual([{ tier: 'ram', bytes: expect.closeTo(503, -1) }])
    expect(eitherOf.map(({ tier }) => tier)).toEqual(['ram', 'device'])
    expect(eitherOf[1]!.bytes).toBeGreaterThanOrEqual(4900)
    expect(eitherOf[1]!.bytes).toBeLessThan(4950)
  })

  it('finds what must grow together', () => {
    const { lacks, eitherOf } = findLacks(
      capacity,
      ({ device, ram, disk }) => device >= 300 && ram >= 900 && disk >= 70,
    )
    expect(eitherOf).toEqual([])
    expect(lacks).toEqual([
      { tier: 'device', bytes: expect.closeTo(201, -1) },
      { tier: 'disk', bytes: 70 },
    ])
  })

  it('says nothing where no capacity helps', () => {
    expect(findLacks(capacity, () => false)).toEqual({ lacks: [], eitherOf: [] })
  })
})
