import { FlexgenError, InternalError, UsageError } from '@flexgen/spec'
import { CommanderError } from 'commander'
import { inspect } from 'node:util'

/** Whether commander only wants the program to end, after `--help` or `--version`. */
export function isQuietExit(error: unknown): error is CommanderError {
  return error instanceof CommanderError && error.exitCode === 0
}

/** Any error as one of the project's: what commander refuses is usage, what is unknown is a bug. */
export function toFlexgenError(error: unknown): FlexgenError {
  if (FlexgenError.isInstance(error)) return error
  if (error instanceof CommanderError) return fromCommander(error)
  return new InternalError(error instanceof Error ? error.message || error.name : String(error), { cause: error })
}

/** The lines that users see: what happened, what to do, and the stack where it is asked for. */
export function describeError(error: FlexgenError, withStack = false): string[] {
  const lines = [`flexgen: ${error.code}: ${oneLine(error.message)}`, `hint: ${oneLine(error.hint)}`]
  return withStack ? [...lines, inspect(error)] : lines
}

function fromCommander(error: CommanderError): UsageError {
  if (error.code === 'commander.help') return new UsageError('there is no command', { hint: 'see flexgen --help' })
  const [what = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const meant = /\(Did you mean (.*)\?\)/.exec(suggestion ?? '')?.[1]
  return new UsageError(what, { hint: meant === undefined ? 'see --help' : `did you mean ${meant}? See --help` })
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}
