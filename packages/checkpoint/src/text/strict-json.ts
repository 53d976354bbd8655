import { CorruptDataError } from '@flexgen/spec'
import { quoteName } from './one-line.ts'

/** A JSON value whose objects are maps, so that a name such as `__proto__` is a name like any other. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject

/** A JSON object. */
export type JsonObject = ReadonlyMap<string, JsonValue>

/** Whether a JSON value is an object. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map
}

/** A tensor of a safetensors header takes seven, and one of an index one; each costs up to 200 bytes of memory. */
const maxValues = 500_000
/** A double needs 24. */
const maxDigits = 40
const numberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const literals: readonly (readonly [string, null | boolean])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
]

/**
 * Parses JSON and refuses what `JSON.parse` lets through: names that occur twice (the last would win), nesting deeper
 * than the format needs, and more than half a million values.
 * @param what names the text in messages
 * @param maxDepth levels of objects and arrays that are allowed
 * @throws {CorruptDataError} with the position of the first problem
 */
export function parseStrictJson(text: string, what: string, maxDepth: number): JsonValue {
  let at = 0
  let valueCount = 0

  function fail(problem: string, cause?: unknown): never {
    throw new CorruptDataError(`${what}: ${problem} at position ${at}`, { cause })
  }

  function skipSpace(): void {
    while (' \t\n\r'.includes(text[at] ?? 'end')) at++
  }

  function accept(character: string): boolean {
    skipSpace()
    if (text[at] !== character) return false
    at++
    return true
  }

  function parseString(): string {
    skipSpace()
    if (text[at] !== '"') fail('expected a string')
    let end = at + 1
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
    if (end >= text.length) fail('unterminated string')
    try {
      const value = JSON.parse(text.slice(at, end + 1)) as string
      at = end + 1
      return value
    } catch (cause) {
      return fail('malformed string', cause)
    }
  }

  function parseNumber(): number {
    let end = at
    while ('+-.0123456789eE'.includes(text[end] ?? 'end')) end++
    const digits = text.slice(at, end)
    if (digits.length > maxDigits || !numberForm.test(digits)) fail('malformed value')
    at = end
    return Number(digits)
  }

  function parseObject(depth: number): JsonObject {
    const entries = new Map<string, JsonValue>()
    if (accept('}')) return entries
    do {
      const name = parseString()
      if (entries.has(name)) fail(`the name ${quoteName(name)} occurs twice`)
      if (!accept(':')) fail("expected ':'")
      entries.set(name, parseValue(depth))
    } while (accept(','))
    if (!accept('}')) fail("expected ',' or '}'")
    return entries
  }

  function parseArray(depth: number): JsonValue[] {
    const items: JsonValue[] = []
    if (accept(']')) return items
    do items.push(parseValue(depth))
    while (accept(','))
    if (!accept(']')) fail("expected ',' or ']'")
    return items
  }

  function parseValue(depth: number): JsonValue {
    skipSpace()
    if (++valueCount > maxValues) fail(`more than ${maxValues} values`)
    const first = text[at]
    if (first === '{' || first === '[') {
      if (depth === 0) fail(`more than ${maxDepth} levels of nesting`)
      at++
      return first === '{' ? parseObject(depth - 1) : parseArray(depth - 1)
    }
    if (first === '"') return parseString()
    for (const [word, value] of literals) {
      if (!text.startsWith(word, at)) continue
      at += word.length
      return value
    }
    return parseNumber()
  }

  const value = parseValue(maxDepth)
  skipSpace()
  if (at < text.length) fail('unexpected text')
  return value
}
