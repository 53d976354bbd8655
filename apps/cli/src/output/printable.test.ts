import { expect, it } from 'vitest'
import { printable } from './printable.ts'

it('writes control characters so that they can be read, but for tabs and ends of lines', () => {
  expect(printable('a\u001b[2J\u0007\u009b\u0000\rb')).toBe(String.raw`a\x1b[2J\x07\x9b\x00\x0db`)
  expect(printable('é\t👍🏽\r\n\n')).toBe('é\t👍🏽\r\n\n')
})
