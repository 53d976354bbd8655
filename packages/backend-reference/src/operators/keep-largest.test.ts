import { expect, it } from 'vitest'
import { keepLargest } from './keep-largest.ts'

it('keeps the largest of the first weights, of equal ones the first', () => {
  const weights = Float64Array.of(0.1, 0.3, 0.1, 0.2, 0.1, 0.9)
  keepLargest(weights, 5, 3)
  expect([...weights]).toEqual([0.1, 0.3, 0, 0.2, 0, 0.9])
})

it('keeps nothing where nothing is to be kept', () => {
  const weights = Float64Array.of(0.5, 0.5)
  keepLargest(weights, 1, 0)
  expect([...weights]).toEqual([0, 0.5])
})
