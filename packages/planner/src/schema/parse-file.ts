import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import type { z } from 'zod'

/** What a file is, for messages. */
export interface FileKind {
  /** Such as `hardware profile`. */
  readonly title: string
  /** Where it is from, such as a path. */
  readonly origin: string
  readonly remedy: string
}

/** How many faults of a file one message names. */
const namedFaults = 4

/**
 * Parsed JSON checked against a schema whose files carry `schemaVersion` 1.
 * @throws {UnsupportedDataError} for another schema version
 * @throws {CorruptDataError} with the path and value of the first faults
 */
export function parseFile<T>(schema: z.ZodType<T>, value: unknown, { title, origin, remedy }: FileKind): T {
  if (typeof value === 'object' && value !== null && 'schemaVersion' in value && value.schemaVersion !== 1) {
    throw new UnsupportedDataError(
      `${title} ${origin} has schemaVersion ${show(value.schemaVersion)}, this version reads 1`,
      { hint: remedy },
    )
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.flatMap((issue) => describeIssue(issue, value, title))
  const rest = faults.length > namedFaults ? `; and ${faults.length - namedFaults} more` : ''
  throw new CorruptDataError(`${title} ${origin}: ${faults.slice(0, namedFaults).join('; ')}${rest}`, { hint: remedy })
}

function describeIssue(issue: z.core.$ZodIssue, file: unknown, title: string): string[] {
  const path = issue.path.join('.') || 'it'
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...issue.path, key].join('.')} is not a field of a ${title}`)
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    file,
  )
  return [found === undefined ? `${path} is missing` : `${path} must be ${wanted(issue)}, got ${show(found)}`]
}

function wanted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      if (issue.origin === 'array') return 'a list with an entry at least'
      if (issue.origin === 'string') return 'a text that is not empty'
      return issue.inclusive ? `a number of ${issue.minimum} or more` : `a number above ${issue.minimum}`
    case 'too_big':
      return `a number of ${issue.maximum} or less`
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : articled(issue.expected)
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`
    case 'invalid_format':
      return 'a date in ISO 8601'
    default:
      return `right (${issue.message})`
  }
}

function articled(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

function show(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}
