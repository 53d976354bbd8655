import { FlexgenError } from './flexgen-error.ts'

/** A broken promise inside the project: always a bug, exit code 1. */
export class InternalError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'INTERNAL', message, ...options })
  }
}
