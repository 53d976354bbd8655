import { availableParallelism } from 'node:os'
import { UsageError } from '@flexgen/spec'
import type { BenchOptions } from '../bench-options.ts'
import type { CaseFlags } from '../case/case-flags.ts'
import { flagTable } from '../case/flag-table.ts'

/** Flags of a case that may be given; the command always says whether a history of models is kept. */
const taken: ReadonlySet<string> = new Set<keyof CaseFlags>(['threads', 'history'])

/** Flags of the whole run that are about models. */
const ofModels = {
  commands: 'command',
  against: 'against',
  repeat: 'repeat',
  warmUp: 'warm-up',
  warmUpTokens: 'warm-up-tokens',
  resume: 'resume',
  trace: 'trace',
  logFile: 'log-file',
} as const satisfies Partial<Record<keyof BenchOptions, string>>

/**
 * Threads of the suite `kernels`.
 * @throws {UsageError} for a flag that the suite has no use for
 */
export function kernelThreads(options: BenchOptions): number {
  const { flags = {} } = options
  for (const [key, { names }] of Object.entries(flagTable))
    if (!taken.has(key) && flags[key as keyof CaseFlags] !== undefined) refuse(names[0]!)
  for (const [key, name] of Object.entries(ofModels))
    if (options[key as keyof typeof ofModels] !== undefined) refuse(name)
  return flags.threads ?? availableParallelism()
}

function refuse(name: string): never {
  throw new UsageError(`--suite kernels and --${name} do not go together: it measures kernels of the host, no model`, {
    hint: 'it takes --threads, --only, --output-dir, --title and --json',
  })
}
