import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import type { z } from 'zod'
import type { HardwareProfile } from './hardware-profile.ts'
import { hardwareSchema } from './hardware-schema.ts'

/** How many faults of a profile one message names. */
const namedFaults = 4

/**
 * A checked hardware profile.
 *
 * @param value parsed JSON
 * @param origin where it is from, for messages, such as the path of a file
 * @throws {UnsupportedDataError} for another schema version
 * @throws {CorruptDataError} for fields that are missing, unknown, of another type, zero, negative or not a number
 */
export function parseHardwareProfile(value: unknown, origin: string): HardwareProfile {
  if (typeof value === 'object' && value !== null && 'schemaVersion' in value && value.schemaVersion !== 1) {
    throw new UnsupportedDataError(
      `hardware profile ${origin} has schemaVersion ${show(value.schemaVersion)}, this version reads 1`,
      { hint: 'measure again with flexgen profile' },
    )
  }
  const parsed = hardwareSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.flatMap((issue) => describeIssue(issue, value))
  const rest = faults.length > namedFaults ? `; and ${faults.length - namedFaults} more` : ''
  throw new CorruptDataError(`hardware profile ${origin}: ${faults.slice(0, namedFaults).join('; ')}${rest}`, {
    hint: 'correct the file, or measure again with flexgen profile',
  })
}

function describeIssue(issue: z.core.$ZodIssue, profile: unknown): string[] {
  const path = issue.path.join('.') || 'it'
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...issue.path, key].join('.')} is not a field of a profile`)
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    profile,
  )
  return [found === undefined ? `${path} is missing` : `${path} must be ${wanted(issue)}, got ${show(found)}`]
}

function wanted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      if (issue.origin === 'array') return 'a list with an entry at least'
      if (issue.origin === 'string') return 'a text that is not empty'
      return issue.inclusive ? `a number of ${issue.minimum} or more` : `a number above ${issue.minimum}`
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
