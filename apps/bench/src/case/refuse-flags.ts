import type { BenchOptions } from '../bench-options.ts'
import type { CaseFlags } from './case-flags.ts'
import { flagTable } from './flag-table.ts'

/** Flags of the whole run that are about sides, their times and logs. */
const ofSides = {
  commands: 'command',
  against: 'against',
  repeat: 'repeat',
  warmUp: 'warm-up',
  warmUpTokens: 'warm-up-tokens',
  resume: 'resume',
  trace: 'trace',
  logFile: 'log-file',
} as const satisfies Partial<Record<keyof BenchOptions, string>>

/** Calls `refuse`, which throws, for a flag that a suite without sides has no use for. */
export function refuseFlags(
  options: BenchOptions,
  taken: ReadonlySet<keyof CaseFlags>,
  refuse: (name: string) => never,
): void {
  const { flags = {} } = options
  for (const [key, { names }] of Object.entries(flagTable) as [keyof CaseFlags, { names: readonly string[] }][])
    if (!taken.has(key) && flags[key] !== undefined) refuse(names[0]!)
  for (const [key, name] of Object.entries(ofSides) as [keyof typeof ofSides, string][])
    if (options[key] !== undefined) refuse(name)
}
