import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { showValue } from '../text/show-value.ts'

/** Reads the fields of a parsed config.json one by one; every error names the field and its value. */
export interface ConfigReader {
  /** A whole number from 1 to `max`; a missing field is `fallback`, or an error where there is none. */
  size(name: string, max: number, fallback?: number): number
  flag(name: string, fallback: boolean): boolean
  text(name: string, fallback: string): string
  /** One id, several or none (null) below `limit`; a missing field is `fallback`. */
  ids(name: string, limit: number, fallback: readonly number[]): readonly number[]
  /** The value as it stands; undefined for null or a missing field. */
  raw(name: string): unknown
}

/**
 * A reader of a parsed config.json.
 * @throws {CorruptDataError} where the config is no object; its methods throw it for a value of the wrong type or range
 */
export function createConfigReader(config: unknown): ConfigReader {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new CorruptDataError('config.json of an OPT model is not a JSON object')
  }
  const fields = new Map(Object.entries(config))
  const raw = (name: string): unknown => fields.get(name) ?? undefined
  return {
    raw,
    size(name, max, fallback) {
      const value = raw(name) ?? fallback
      if (value === undefined) throw new CorruptDataError(`config.json of an OPT model has no ${name}`)
      return wholeNumber(name, value, 1, max)
    },
    flag(name, fallback) {
      const value = raw(name) ?? fallback
      if (typeof value !== 'boolean') throw wrong(name, value, 'true or false')
      return value
    },
    text(name, fallback) {
      const value = raw(name) ?? fallback
      if (typeof value !== 'string') throw wrong(name, value, 'text')
      return value
    },
    ids(name, limit, fallback) {
      if (!fields.has(name)) return fallback
      const value = raw(name) ?? []
      return (Array.isArray(value) ? value : [value]).map((id: unknown) => wholeNumber(name, id, 0, limit - 1))
    },
  }
}

/** An error for a value that is well formed but means something that is not computed here. */
export function notTaken(name: string, value: unknown, taken: string): UnsupportedDataError {
  return new UnsupportedDataError(`config.json has ${name} ${showValue(value)}, OPT is taken with ${taken}`, {
    hint: 'use a checkpoint without it',
  })
}

function wholeNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw wrong(name, value, `a whole number from ${min} to ${max}`)
  }
  return value
}

function wrong(name: string, value: unknown, wanted: string): CorruptDataError {
  return new CorruptDataError(`config.json has ${name} ${showValue(value)}, it must be ${wanted}`)
}
