import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tokenizer } from '@flexgen/spec'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadTokenizer } from '../src/index.ts'

interface Golden {
  readonly encoded: readonly { readonly text: string; readonly ids: readonly number[] }[]
  readonly decoded: readonly { readonly text: string; readonly ids: readonly number[] }[]
}

const fixtures = join(import.meta.dirname, 'fixtures')
const golden = JSON.parse(readFileSync(join(fixtures, 'golden.json'), 'utf8')) as Golden

/** Text of any kind: ASCII, CJK, combining marks, emoji with joiners and modifiers, any code point. */
const pieces = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '吾輩は猫', 'e\u0301', ' the', '\u00a0', '\ufeff', '\r\n', '<s>'),
)
const texts = fc
  .array(pieces, { maxLength: 12 })
  .map((parts) => parts.join(''))
  .filter((text) => !text.includes('</s>') && !text.includes('<pad>'))

describe.each(['bpe-files', 'bpe-json'])('the tokenizer of %s', (name) => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await loadTokenizer(join(fixtures, name))
  })

  const streamed = (ids: readonly number[]): string[] => {
    const stream = tokenizer.stream()
    return [...ids.map((id) => stream.push(id)), stream.end()]
  }

  it('has the vocabulary of its files', () => {
    expect(tokenizer.vocabularySize).toBe(600)
  })

  it('encodes as the slow and the fast tokenizer of transformers, with </s> in front', () => {
    expect(golden.encoded.length).toBeGreaterThan(100)
    expect(golden.encoded.map(({ text }) => ({ text, ids: tokenizer.encode(text) }))).toEqual(golden.encoded)
    expect(golden.encoded.every(({ ids }) => ids[0] === 2)).toBe(true)
  })

  it('decodes any ids as they do, special tokens left out and broken characters replaced', () => {
    expect(golden.decoded.some(({ text }) => text.includes('\ufffd'))).toBe(true)
    expect(golden.decoded.map(({ ids }) => ({ ids, text: tokenizer.decode(ids) }))).toEqual(golden.decoded)
  })

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }),
      { numRuns: 1000 },
    )
  })

  it('streams text in pieces that are whole characters', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const written = streamed(tokenizer.encode(text))
        expect(written.join('')).toBe(text)
        for (const piece of written) expect(piece.isWellFormed()).toBe(true)
        // Nothing is replaced on the way, and nothing complete is held back.
        const replaced = written.join('').split('\ufffd').length
        expect(replaced).toBe(text.split('\ufffd').length)
        expect(written.at(-1)).toBe('')
      }),
      { numRuns: 1000 },
    )
  })

  it('streams any ids to the text that they have together', () => {
    const ids = fc.array(fc.nat({ max: tokenizer.vocabularySize + 8 }), { maxLength: 40 })
    fc.assert(
      fc.property(ids, (some) => {
        expect(streamed(some).join('')).toBe(tokenizer.decode(some))
      }),
      { numRuns: 1000 },
    )
  })

  it('holds back an incomplete character only, also behind broken ones', () => {
    const [start = 0, middle = 0, end = 0] = tokenizer.encode('玄').slice(1)
    expect(streamed([start, middle, end])).toEqual(['', '', '玄', ''])
    expect(streamed([middle, start, middle, 2, end, 68])).toEqual([
      '\ufffd',
      '',
      '',
      '',
      '玄',
      tokenizer.decode([68]),
      '',
    ])
    expect(streamed([start, middle])).toEqual(['', '', '\ufffd'])
  })

  it('gives no text for ids without a token', () => {
    expect(tokenizer.decode([600, 68, 10_000_000, -1, 0.5])).toBe(tokenizer.decode([68]))
    expect(tokenizer.decode([])).toBe('')
  })

  it('streams a token in the same time, however long the text is', () => {
    const stream = tokenizer.stream()
    const ids = tokenizer.encode('Paris is the capital city of France. ').slice(1)
    let written = 0
    for (let round = 0; round < 20_000; round++) for (const id of ids) written += stream.push(id).length
    expect(written).toBe(20_000 * 37)
  }, 10_000)
})
