import type { FlexgenError } from '@flexgen/spec'
import { expect, vi } from 'vitest'
import { createProgram } from '../../src/create-program.ts'
import { toFlexgenError } from '../../src/error/describe-error.ts'
import type { Output } from '../../src/output/terminal.ts'
import { expandAbbreviations } from '../../src/settings/abbreviations.ts'

const silent: Output = {
  isTerminal: false,
  write: () => undefined,
  writeLine: () => undefined,
  style: (_, text) => text,
}
const never = new AbortController().signal

/** The error with which a command line is refused, within this process: a table of hundreds takes a second. */
export async function refusalOf(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<FlexgenError> {
  const program = createProgram({
    terminal: { out: silent, log: silent, closed: never },
    interrupt: { signal: never, exitCode: undefined, stop: () => undefined },
    showStack: false,
  })
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  try {
    await program.parseAsync(expandAbbreviations(args, program), { from: 'user' })
  } catch (error) {
    return toFlexgenError(error)
  } finally {
    vi.unstubAllEnvs()
  }
  return expect.fail(`not refused: ${args.join(' ')}`)
}
