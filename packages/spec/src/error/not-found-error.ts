import type { ErrorCode } from './error-code.ts'
import { FlexgenError } from './flexgen-error.ts'

/** A model, file or package that is not there, exit codes 4 and 5. */
export class NotFoundError extends FlexgenError {
  constructor(
    code: Extract<ErrorCode, `${string}_NOT_FOUND`>,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super({ code, message, ...options })
  }
}
