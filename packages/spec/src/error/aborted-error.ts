import { FlexgenError } from './flexgen-error.ts'

/** A run that was stopped from outside, exit code 130. */
export class AbortedError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'ABORTED', message, ...options })
  }
}
