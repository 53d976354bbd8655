import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWordWrap } from './word-wrap.ts'

function wrap(pieces: readonly string[], width = 12, mark?: string): string {
  let text = ''
  const wrapped = createWordWrap({ write: (more) => void (text += more) }, { indent: 2, width })
  for (const piece of pieces) wrapped.write(piece)
  wrapped.end(mark)
  return text
}

describe('word wrap', () => {
  it('breaks between words, wherever the pieces were cut', () => {
    expect(wrap(['one tw', 'o th', 'ree', ' four'])).toBe('  one two\n  three four\n')
    expect(wrap(['a\n\n  b', '\t', ' c'])).toBe('  a b c\n')
    expect(wrap(['a word-that-is-longer b'])).toBe('  a\n  word-that-is-longer\n  b\n')
  })

  it('puts the mark behind the last word', () => {
    expect(wrap(['one two'], 12, '…')).toBe('  one two…\n')
    expect(wrap([], 12)).toBe('\n')
  })

  it('does not count colours', () => {
    expect(wrap(['\u001b[1mone\u001b[22m two'])).toBe('  \u001b[1mone\u001b[22m two\n')
  })

  it('keeps all words in order and all lines within the width', () => {
    const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '-'), minLength: 1, maxLength: 9 }))
    fc.assert(
      fc.property(words, fc.array(fc.nat(40)), (given, cuts) => {
        const whole = given.join(' ')
        const places = [0, ...cuts.filter((cut) => cut < whole.length).toSorted((a, b) => a - b), whole.length]
        const lines = wrap(places.slice(1).map((place, i) => whole.slice(places[i], place))).split('\n')
        expect(lines.flatMap((line) => line.split(' ')).filter((word) => word !== '')).toEqual(given)
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(12)
      }),
    )
  })
})
