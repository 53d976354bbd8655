import { UsageError } from '@flexgen/spec'
import { realpathSync } from 'node:fs'
import path from 'node:path'
import type { GenerateFlags } from './generate-flags.ts'

/**
 * Sees that no file of a run would overwrite another; `-` is standard input and output.
 * @throws {UsageError} where `--resume` has no file to go on with, two of `--input`, `--output` and `--trace` are one file, or two kinds of output go to
 * standard output
 */
export function checkFiles(flags: Pick<GenerateFlags, 'input' | 'output' | 'resume' | 'trace' | 'json'>): void {
  if (flags.resume === true && (flags.output === undefined || flags.output === '-')) {
    throw new UsageError('--resume needs an --output that is a file')
  }
  if (flags.resume === true && flags.json === true) {
    throw new UsageError('--resume and --json do not go together', {
      hint: 'the results of the earlier run are in the file that --output names',
    })
  }
  if (flags.json === true && flags.output === '-') {
    throw new UsageError('--json and --output - both go to standard output', {
      hint: 'leave one out: --json prints one object at the end, --output - one line a result as it comes',
    })
  }
  const flagOf = new Map<string, string>()
  for (const flag of ['input', 'output', 'trace'] as const) {
    const file = flags[flag]
    if (file === undefined || (flag !== 'trace' && file === '-')) continue
    const place = realPath(file)
    const other = flagOf.get(place)
    if (other !== undefined) throw new UsageError(`--${other} and --${flag} are the same file, ${file}`)
    flagOf.set(place, flag)
  }
}

/** The file behind links; the path itself where nothing is there yet. */
function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return path.resolve(file)
  }
}
