import { expect, it } from 'vitest'
import { spreadOrder } from './spread-order.ts'

it('has every number once, and beginnings that are spread evenly', () => {
  for (const count of [0, 1, 2, 7, 64, 81]) {
    const order = spreadOrder(count)
    expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
  }
  const eighth = spreadOrder(64).slice(0, 8)
  const counts = [0, 1, 2, 3].map((quarter) => eighth.filter((value) => Math.floor(value / 16) === quarter).length)
  expect(counts).toEqual([2, 2, 2, 2])
})
