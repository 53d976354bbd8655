import { describe, expect, it } from 'vitest'
import { erf } from './erf.ts'

describe('erf', () => {
  // Abramowitz and Stegun, table 7.1.
  it.each([
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3.5, 0.9999992569016276],
    [7, 1],
  ])('of %d', (x, expected) => {
    expect(erf(x)).toBeCloseTo(expected, 14)
    expect(erf(-x)).toBeCloseTo(-expected, 14)
  })
})
