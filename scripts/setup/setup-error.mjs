/** A failure of the set-up that needs no stack: the message says what failed, then what to do. */
export class SetupError extends Error {
  isSetupError = true

  constructor(code, what, hint, details = '') {
    super(`${code}: ${what}\nhint: ${hint}${details && `\n${details.trim()}`}`)
  }
}
