import { CorruptDataError } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonValue, parseStrictJson } from './strict-json.ts'

/** What JSON.parse would have given. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  return Array.isArray(value) ? (value as JsonValue[]).map(plain) : value
}

function outcome(parse: () => unknown): { value: unknown } | 'refused' {
  try {
    return { value: parse() }
  } catch (error) {
    if (error instanceof CorruptDataError || error instanceof SyntaxError) return 'refused'
    throw error
  }
}

describe('parseStrictJson', () => {
  it('agrees with JSON.parse on every JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(plain(parseStrictJson(text, 'text', 10))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('agrees with JSON.parse on texts that are damaged', () => {
    const damaged = fc
      .tuple(fc.jsonValue({ maxDepth: 3 }), fc.nat(), fc.constantFrom(...Array.from('{}[]",:\\-0eE.tn \u0001')))
      .map(([value, place, character]) => {
        const text = JSON.stringify(value)
        const at = place % (text.length + 1)
        return text.slice(0, at) + character + text.slice(at + (place % 2))
      })
    fc.assert(
      fc.property(damaged, (text) => {
        const strict = outcome(() => plain(parseStrictJson(text, 'text', 10)))
        const lax = outcome(() => JSON.parse(text))
        // A damaged text may by chance have a name twice, which only the strict parser refuses.
        if (strict !== 'refused' || !/"(.*)".*"\1"/s.test(text)) expect(strict).toEqual(lax)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a name that occurs twice and says where', () => {
    expect(() => parseStrictJson('{"a":1,"b":{"a":2},"a":3}', 'x.json', 5)).toThrow(
      "x.json: the name 'a' occurs twice at position 22",
    )
  })

  it('keeps names of Object.prototype as names', () => {
    const value = parseStrictJson('{"__proto__":{"x":1},"constructor":2}', 'text', 5) as Map<string, JsonValue>
    expect([...value.keys()]).toEqual(['__proto__', 'constructor'])
  })

  it('refuses deep nesting without running out of stack', () => {
    expect(parseStrictJson('[[0]]', 'text', 2)).toEqual([[0]])
    expect(() => parseStrictJson('[[0]]', 'text', 1)).toThrow('more than 1 levels of nesting')
    expect(() => parseStrictJson('['.repeat(1e6), 'text', 64)).toThrow(CorruptDataError)
  })

  it('refuses too many values before they fill the memory', () => {
    expect(() => parseStrictJson(`[${'0,'.repeat(500_000)}0]`, 'text', 2)).toThrow('more than 500000 values')
  })

  it('refuses endless numbers and strings in one short line', () => {
    for (const text of ['1'.repeat(1e6), `"${'a'.repeat(1e6)}`, `{"${'a'.repeat(1e6)}":1,"${'a'.repeat(1e6)}":1}`])
      try {
        parseStrictJson(text, 'text', 3)
        expect.fail('was accepted')
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptDataError)
        expect((error as Error).message.length).toBeLessThan(300)
      }
  })
})
