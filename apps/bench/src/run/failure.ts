import { FlexgenError, type FlexgenErrorOptions, InternalError } from '@flexgen/spec'
import type { Failure } from './outcome.ts'

/** An error as plain data; what is not one of the project's is a bug. */
export function toFailure(error: unknown): Failure {
  const known = FlexgenError.isInstance(error)
    ? error
    : new InternalError(error instanceof Error ? error.message : String(error), { cause: error })
  return { code: known.code, message: known.message, hint: known.hint }
}

/** The error that a failure was made from, as far as plain data keeps it. */
export function toError({ code, message, hint }: Failure): FlexgenError {
  return new FlexgenError({ code: code as FlexgenErrorOptions['code'], message, hint })
}
