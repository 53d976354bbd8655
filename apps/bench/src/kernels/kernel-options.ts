import { availableParallelism } from 'node:os'
import { UsageError } from '@flexgen/spec'
import type { BenchOptions } from '../bench-options.ts'
import type { CaseFlags } from '../case/case-flags.ts'
import { refuseFlags } from '../case/refuse-flags.ts'

/** Flags of a case that may be given; the command always says whether a history of models is kept. */
const taken: ReadonlySet<keyof CaseFlags> = new Set<keyof CaseFlags>(['threads', 'history'])

/**
 * Threads of the suite `kernels`.
 * @throws {UsageError} for a flag that the suite has no use for
 */
export function kernelThreads(options: BenchOptions): number {
  refuseFlags(options, taken, refuse)
  return options.flags?.threads ?? availableParallelism()
}

function refuse(name: string): never {
  throw new UsageError(`--suite kernels and --${name} do not go together: it measures kernels of the host, no model`, {
    hint: 'it takes --threads, --only, --output-dir, --title and --json',
  })
}
