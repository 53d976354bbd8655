import { errorCodes, FlexgenError, UsageError, type ErrorCode } from '@flexgen/spec'
import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { describeError, quietExitCode, toFlexgenError } from './describe-error.ts'

describe('errors of the command line', () => {
  it('are one line and a hint', () => {
    expect(describeError(new UsageError('a\n  b', { hint: 'do\nthis' }))).toEqual([
      'flexgen: USAGE: a b',
      'hint: do this',
    ])
  })

  it('cannot command the terminal', () => {
    const error = new UsageError('a\u001b[2Jb\u0007c\u009bd\r', { hint: 'é\t' })
    const lines = ['flexgen: USAGE: a\\x1b[2Jb\\x07c\\x9bd\\x0d', 'hint: é\t']
    expect(describeError(error)).toEqual(lines)
  })

  it('are those of the work where putting things away fails as well', () => {
    const suppressed = new SuppressedError(new UsageError('later'), new UsageError('first'))
    expect(toFlexgenError(new SuppressedError(new RangeError('last'), suppressed))).toMatchObject({ message: 'first' })
  })

  it('show the stack and the cause only when asked', () => {
    const error = new UsageError('a', { cause: new Error('the cause') })
    expect(describeError(error)).toHaveLength(2)
    expect(describeError(error, true).join('\n')).toMatch(/UsageError: a\n +at [^]*the cause/)
  })

  it.each(Object.keys(errorCodes) as ErrorCode[])('%s has an exit code and a hint', (code) => {
    const error = toFlexgenError(new FlexgenError({ code, message: 'x' }))
    expect(error.exitCode).toBe(errorCodes[code].exitCode)
    expect(describeError(error)[1]).toBe(`hint: ${errorCodes[code].remedy}`)
  })

  it('turn what commander refuses into usage', () => {
    const message = "error: unknown option '--promt'\n(Did you mean --prompt?)"
    const error = toFlexgenError(new CommanderError(1, 'commander.unknownOption', message))
    expect(describeError(error)).toEqual([
      "flexgen: USAGE: unknown option '--promt'",
      'hint: did you mean --prompt? See --help',
    ])
    expect(error.exitCode).toBe(2)
  })

  it('are bugs where they are unknown', () => {
    expect(toFlexgenError(new RangeError('x'))).toMatchObject({ code: 'INTERNAL', message: 'x', exitCode: 1 })
    expect(toFlexgenError('text')).toMatchObject({ code: 'INTERNAL', message: 'text' })
  })

  it('know the end of --help, and of no command at all, where help has been shown', () => {
    expect(quietExitCode(new CommanderError(0, 'commander.helpDisplayed', ''))).toBe(0)
    expect(quietExitCode(new CommanderError(1, 'commander.help', ''))).toBe(2)
    expect(quietExitCode(new CommanderError(1, 'commander.unknownOption', ''))).toBeUndefined()
    expect(quietExitCode(new UsageError('x'))).toBeUndefined()
  })
})
