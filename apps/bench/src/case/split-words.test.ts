import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteWord, splitWords } from './split-words.ts'

describe('words of a command', () => {
  it.each([
    ['', []],
    ['  a  b\tc\n', ['a', 'b', 'c']],
    [`a' b'"c \\"d\\""e\\ f`, ['a bc "d"e f']],
    [`'' ""`, ['', '']],
  ])('%s', (command, words) => expect(splitWords(command)).toEqual(words))

  it.each([`'a`, `a "b`, `a \\`])('%s does not end', (command) => {
    expect(() => splitWords(command)).toThrow('a quote does not end')
  })

  it('come back from their quotes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (words) => {
        expect(splitWords(words.map(quoteWord).join(' '))).toEqual(words)
      }),
    )
  })
})
