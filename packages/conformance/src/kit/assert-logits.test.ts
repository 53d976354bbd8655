import { describe, expect, it } from 'vitest'
import { assertLogits } from './assert-logits.ts'

// The standard deviation is 2.
const expected = [1, 5, 1, 5]

describe('assertLogits', () => {
  it.each([[[1, 5, 1, 5]], [[1.00029, 5.00069, 0.99971, 4.99931]]])('accepts %j', (actual) => {
    expect(() => assertLogits(actual, expected)).not.toThrow()
  })

  it.each([[[1.00031, 5, 1, 5]], [[1, 5, 1, 4.99929]], [[1, 5, 1, Number.NaN]], [[1, 5, 1]]])(
    'refuses %j',
    (actual) => {
      expect(() => assertLogits(actual, expected, 'logits at 3')).toThrow('logits at 3')
    },
  )
})
