import { FlexgenError } from './flexgen-error.ts'

/** A backend that cannot run here, exit code 5. */
export class BackendUnavailableError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'BACKEND_UNAVAILABLE', message, ...options })
  }
}
