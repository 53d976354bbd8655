import { FlexgenError } from './flexgen-error.ts'

/** A wrong flag, option or argument, exit code 2. */
export class UsageError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'USAGE', message, ...options })
  }
}
