import { describe, expect, it } from 'vitest'
import { listNames, showValue } from './show-value.ts'

describe('showValue', () => {
  it.each([
    [7.5, '7.5'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [undefined, 'undefined'],
    ['opt', '"opt"'],
    ['a\n"\u2028\u009b', '"a\\n\\"\ufffd\ufffd"'],
    [[1], 'a list'],
    [{ toString: 1 }, 'an object'],
  ])('shows %j as %s', (value, text) => {
    expect(showValue(value)).toBe(text)
  })

  it('is short, and not a matter of how deep a value is', () => {
    expect(showValue('x'.repeat(1e6))).toBe(`"${'x'.repeat(60)}"`)
    expect(showValue(JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)))).toBe('a list')
  })
})

describe('listNames', () => {
  it('gives three names and the number of the others', () => {
    expect(listNames(['a.b', 'c'])).toBe('a.b, c')
    expect(listNames(['a', 'b\n', 'c', 'd', 'e'])).toBe('a, "b\\n", c and 2 more')
  })
})
