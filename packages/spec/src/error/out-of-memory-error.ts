import { FlexgenError } from './flexgen-error.ts'

/** An allocation that failed or passed a limit, exit code 6. */
export class OutOfMemoryError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'OUT_OF_MEMORY', message, ...options })
  }
}
