import { errorCodes, FlexgenError, UsageError, type ErrorCode } from '@flexgen/spec'
import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { describeError, isQuietExit, toFlexgenError } from './describe-error.ts'

describe('errors of the command line', () => {
  it('are one line and a hint', () => {
    expect(describeError(new UsageError('a\n  b', { hint: 'do\nthis' }))).toEqual([
      'flexgen: USAGE: a b',
      'hint: do this',
    ])
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
    expect(describeError(toFlexgenError(new CommanderError(1, 'commander.help', '(outputHelp)')))[1]).toBe(
      'hint: see flexgen --help',
    )
  })

  it('are bugs where they are unknown', () => {
    expect(toFlexgenError(new RangeError('x'))).toMatchObject({ code: 'INTERNAL', message: 'x', exitCode: 1 })
    expect(toFlexgenError('text')).toMatchObject({ code: 'INTERNAL', message: 'text' })
  })

  it('know the end of --help', () => {
    expect(isQuietExit(new CommanderError(0, 'commander.helpDisplayed', ''))).toBe(true)
    expect(isQuietExit(new CommanderError(1, 'commander.help', ''))).toBe(false)
  })
})
