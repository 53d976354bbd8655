import { errorCodes, type ErrorCode } from './error-code.ts'

const marker = Symbol.for('flexgen.error')

/** What every error of the project is made from. */
export interface FlexgenErrorOptions {
  readonly code: ErrorCode
  /** One line: what happened, with the names and numbers that matter. */
  readonly message: string
  /** What the user can do; the remedy of the code where absent. */
  readonly hint?: string
  readonly cause?: unknown
}

/** The base of all errors: a stable code, one line of what happened, and a hint. */
export class FlexgenError extends Error {
  readonly code: ErrorCode
  readonly hint: string

  constructor(options: FlexgenErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    // A global symbol, so that errors are known across copies of this package.
    Object.defineProperty(this, marker, { value: true })
    this.code = options.code
    this.hint = options.hint ?? errorCodes[options.code].remedy
  }

  /** Exit code of the command line for this error. */
  get exitCode(): number {
    return errorCodes[this.code].exitCode
  }

  /** Whether a value is an error of this project, also one from another copy of this package. */
  static isInstance(value: unknown): value is FlexgenError {
    return typeof value === 'object' && value !== null && marker in value
  }
}
