import { expect, it } from 'vitest'
import { bytesOfToken } from './byte-alphabet.ts'

it('gives every byte one character of GPT-2', () => {
  const characters = Array.from({ length: 0x144 }, (_, code) => String.fromCharCode(code))
  const inAlphabet = characters.filter((character) => /^[!-~¡-¬®-ÿĀ-Ń]$/.test(character))
  const bytes = inAlphabet.map((character) => bytesOfToken(character)[0]!)
  expect(bytes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 256 }, (_, byte) => byte))
  // The bytes that are not printable, in order: 0x00 to 0x20, 0x7f to 0xa0, 0xad.
  expect([...bytesOfToken('ĀĊĠġłŃ')]).toEqual([0x00, 0x0a, 0x20, 0x7f, 0xa0, 0xad])
})

it('gives the bytes of a token in order', () => {
  expect([...bytesOfToken('ĠcafÃ©')]).toEqual([...new TextEncoder().encode(' café')])
})

it('gives the text itself of what is outside the alphabet', () => {
  expect([...bytesOfToken('<a b>')]).toEqual([...new TextEncoder().encode('<a b>')])
  expect([...bytesOfToken('中')]).toEqual([0xe4, 0xb8, 0xad])
})
