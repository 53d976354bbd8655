import { UsageError } from '@flexgen/spec'
import type { CaseFlags } from '../case/case-flags.ts'
import { flagTable } from '../case/flag-table.ts'

/** Flags of this machine, which a simulated one does not have. */
const ofThisMachine = ['backend', 'hostBackend', 'api', 'threads', 'throttleDisk'] as const

/** @throws {UsageError} for flags that a simulation cannot honour, or that are nothing without one */
export function checkSimulated(flags: CaseFlags): void {
  if (flags.simulate === undefined) {
    return
  }
  const given = ofThisMachine.find((key) => flags[key] !== undefined)
  if (given !== undefined) {
    throw new UsageError(`--${flagTable[given].names[0]} has no meaning on a simulated machine (--simulate)`)
  }
}
