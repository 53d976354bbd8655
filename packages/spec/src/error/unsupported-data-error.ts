import { FlexgenError } from './flexgen-error.ts'

/** A file in a form that is not supported, exit code 7. */
export class UnsupportedDataError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'UNSUPPORTED_DATA', message, ...options })
  }
}
