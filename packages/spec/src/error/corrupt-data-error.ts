import { FlexgenError } from './flexgen-error.ts'

/** A damaged file, exit code 7. */
export class CorruptDataError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'CORRUPT_DATA', message, ...options })
  }
}
