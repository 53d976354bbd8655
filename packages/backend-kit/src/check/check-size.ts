import { UsageError } from '@flexgen/spec'

/** @throws {UsageError} where a value is not a whole number of at least `least` */
export function checkSize(what: string, value: number, least = 0): void {
  if (!Number.isSafeInteger(value) || value < least) throw new UsageError(`${what} cannot be ${value}`)
}
