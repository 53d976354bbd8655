import { expect, it } from 'vitest'
import { showValue } from './show-value.ts'

it.each([
  [7.5, '7.5'],
  [null, 'null'],
  ['BPE', '"BPE"'],
  ['a\n\u2028\u009b', '"a\\n\ufffd\ufffd"'],
  [[1], 'a list'],
  [{ toString: 1 }, 'an object'],
  ['x'.repeat(1e6), `"${'x'.repeat(60)}"`],
])('shows %j as %s', (value, text) => {
  expect(showValue(value)).toBe(text)
})

it('does not care how deep a value is', () => {
  expect(showValue(JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)))).toBe('a list')
})
