import { InternalError, UsageError } from '@flexgen/spec'

/** Checks a byte count of an option. @throws {UsageError} where it is not a whole number within the bounds */
export function checkOption(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  throw new UsageError(`${name} must be a whole number from ${min} to ${max}, not ${value}`)
}

/** Checks that a byte range lies inside `totalBytes`. @throws {InternalError} where it does not */
export function checkRange(what: string, byteOffset: number, byteLength: number, totalBytes: number): void {
  const whole = Number.isSafeInteger(byteOffset) && Number.isSafeInteger(byteLength)
  if (whole && byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= totalBytes) return
  throw new InternalError(`${byteLength} bytes at ${byteOffset} lie outside ${what} of ${totalBytes} bytes`)
}
