import { FlexgenError } from './flexgen-error.ts'

/** A run that cannot fit the given budgets, exit code 3. */
export class InfeasibleError extends FlexgenError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code: 'INFEASIBLE', message, ...options })
  }
}
