import { expect, it } from 'vitest'
import { shareOfBound } from './share-of-bound.ts'

it('measures the largest difference against the bound', () => {
  const expected = [3, -1, 1, -3] // standard deviation sqrt(5)
  expect(shareOfBound(expected, expected)).toBe(0)
  expect(shareOfBound([3, -1, 1, -3 + 2e-4], expected)).toBeCloseTo(2 / (3 + Math.sqrt(5)), 6)
  expect(shareOfBound([3, -1, 1.1, -3], expected)).toBeGreaterThan(1)
})

it('is Infinity for what is no number or has another length', () => {
  expect(shareOfBound([Number.NaN, 1], [0, 1])).toBe(Number.POSITIVE_INFINITY)
  expect(shareOfBound([0], [0, 1])).toBe(Number.POSITIVE_INFINITY)
})
