import { errorCodes, FlexgenError, InternalError, UsageError } from '@flexgen/spec'
import { CommanderError } from 'commander'
import { inspect } from 'node:util'
import { printable } from '../output/printable.ts'

/**
 * The exit code where commander only wants the program to end: 0 after `--help` or `--version`, that of a wrong usage
 * where it has shown the help because there was no command. Undefined for errors.
 */
export function quietExitCode(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined
  if (error.code === 'commander.help') return errorCodes.USAGE.exitCode
  return error.exitCode === 0 ? 0 : undefined
}

/** Any error as one of the project's: what commander refuses is usage, what is unknown is a bug. */
export function toFlexgenError(error: unknown): FlexgenError {
  // What failed first is what the user must see, not what failed while things were put away.
  if (error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error) {
    return toFlexgenError(error.suppressed)
  }
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
  const [what = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const meant = /\(Did you mean (.*)\?\)/.exec(suggestion ?? '')?.[1]
  return new UsageError(what, { hint: meant === undefined ? 'see --help' : `did you mean ${meant}? See --help` })
}

/** One line that cannot command the terminal: messages hold names and bytes of files that are not ours. */
function oneLine(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' '))
}
