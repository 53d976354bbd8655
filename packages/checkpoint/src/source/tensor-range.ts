import { CorruptDataError, InternalError } from '@flexgen/spec'
import { quoteName } from '../text/one-line.ts'

/**
 * Checks a byte range against the tensor that it is meant for.
 * @throws {InternalError} where the range is not inside the tensor
 */
export function checkRange(name: string, tensorBytes: number, byteOffset: number, byteLength: number): void {
  const whole = Number.isSafeInteger(byteOffset) && Number.isSafeInteger(byteLength)
  if (whole && byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= tensorBytes) return
  throw new InternalError(
    `bytes ${byteOffset} to ${byteOffset + byteLength} are outside ${quoteName(name)}, which has ${tensorBytes}`,
  )
}

/** The error for a name that a weight source does not have. */
export function unknownTensor(name: string, description: string): CorruptDataError {
  return new CorruptDataError(`there is no tensor ${quoteName(name)} in ${description}`)
}
