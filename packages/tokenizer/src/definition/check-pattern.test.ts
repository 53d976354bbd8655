import { describe, expect, it } from 'vitest'
import { slowPattern } from './check-pattern.ts'

/** Patterns of GPT-2, Llama 3, GPT-4o, DeepSeek, OLMo 3 and Falcon. */
const inUse = [
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|\s+`,
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*`,
  String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
  '[0-9][0-9][0-9]',
]

describe('slowPattern', () => {
  it.each(inUse)('lets pass %s', (pattern) => {
    expect(slowPattern(pattern)).toBeUndefined()
  })

  it.each([
    ['(a+)+$', /repeats a group in which there is a choice/],
    ['(?:a|a)*b', /repeats a group in which there is a choice/],
    ['((a?))+b', /repeats a group in which there is a choice/],
    ['((?=a|b)a){2,}', /repeats a group in which there is a choice/],
    ['(a{1,2}){3}', /repeats a group in which there is a choice/],
    [String.raw`\s*\s*\s*x`, /without bound more than twice/],
    [String.raw`a*(|x)a*(|x)a*`, /without bound more than twice/],
    [String.raw`\p{L}{5,}\]+[*+]*`, /without bound more than twice/],
    ['a{1,2000}', /more than 1000 times/],
  ])('refuses %s', (pattern, reason) => {
    expect(slowPattern(pattern)).toMatch(reason)
  })

  it('refuses long ones', () => {
    expect(slowPattern('a'.repeat(2001))).toMatch(/longer than 2000/)
  })

  it('takes quantifiers inside classes and escapes for what they are', () => {
    expect(slowPattern(String.raw`[*+?]a|\*\+\?|(\(|\)\*)`)).toBeUndefined()
  })

  it('lets nothing pass that would not end on a text that is made for it', () => {
    const atoms = ['a*', 'a+', 'a?', '(a|a)', '(a)', '(?:a+)', '[ab]', 'a{2}', 'a{1,3}', 'a']
    const after = ['', '*', '+', '?', '{2}', '{2,}']
    const text = 'a'.repeat(400)
    for (const first of atoms)
      for (const [i, last] of atoms.entries()) {
        const pattern = `(?:${first}${last})${after[i % after.length]}${first}b`
        if (slowPattern(pattern) !== undefined) continue
        expect(text.match(new RegExp(pattern, 'gu'))).toBeNull()
      }
  })
})
