import { describe, expect, it } from 'vitest'
import { assertClose } from './assert-close.ts'

const tolerance = { absolute: 0.01, relative: 0.1 }

describe('assertClose', () => {
  it.each([
    [
      [1, -2],
      [1.1, -2.2],
    ],
    [[0], [0.01]],
    [[Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY]],
    [[], []],
  ])('accepts %j for %j', (expected, actual) => {
    expect(() => assertClose(actual, expected, tolerance)).not.toThrow()
  })

  it.each([
    [[1], [1.12]],
    [[0], [0.011]],
    [[1], [Number.NaN]],
    [[Number.NaN], [1]],
    [[Number.NaN], [Number.NaN]],
    [[1], [Number.POSITIVE_INFINITY]],
    [[Number.POSITIVE_INFINITY], [1]],
    [[1, 2], [1]],
  ])('refuses, for %j, %j', (expected, actual) => {
    expect(() => assertClose(actual, expected, tolerance)).toThrow()
  })

  it('names the worst value', () => {
    expect(() => assertClose([1, 5, 4], [1, 2, 3], tolerance, 'logits')).toThrow(
      'logits: value 1 of 3 is 5, expected 2',
    )
  })
})
