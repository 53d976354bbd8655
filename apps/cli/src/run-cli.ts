import type { CliContext } from './cli-context.ts'
import { createProgram } from './create-program.ts'
import { describeError, quietExitCode, toFlexgenError } from './error/describe-error.ts'
import { createInterrupt } from './interrupt.ts'
import { createTerminal } from './output/terminal.ts'
import { expandAbbreviations } from './settings/abbreviations.ts'

/**
 * Runs the command line; never throws.
 * @param args what follows the name of the program
 * @returns the exit code, by the table of error codes in @flexgen/spec
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const terminal = createTerminal(process)
  const interrupt = createInterrupt(terminal.log, (code) => process.exit(code))
  const context: CliContext = { terminal, interrupt, showStack: false }
  // What no code awaits is a bug, and is told like one. Scratch files are left to the next run.
  const crash = (error: unknown): void => process.exit(fail(error, context))
  process.once('uncaughtException', crash)
  try {
    const program = createProgram(context)
    await program.parseAsync(expandAbbreviations(args, program), { from: 'user' })
    return 0
  } catch (error) {
    return quietExitCode(error) ?? fail(error, context)
  } finally {
    interrupt.stop()
    // On its own way out Node gives signals back long before the process is gone, and one that came then would kill it.
    if (interrupt.exitCode !== undefined) process.once('beforeExit', () => process.exit())
    process.off('uncaughtException', crash)
  }
}

function fail(error: unknown, { terminal, interrupt, showStack }: CliContext): number {
  const failure = toFlexgenError(error)
  const isAborted = failure.code === 'ABORTED'
  // The reader of our output went away: that is its business.
  if (isAborted && terminal.closed.aborted) return 0
  for (const line of describeError(failure, showStack)) terminal.log.writeLine(line)
  return isAborted ? (interrupt.exitCode ?? failure.exitCode) : failure.exitCode
}
