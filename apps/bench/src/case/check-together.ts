import { type Policy, UsageError } from '@flexgen/spec'
import type { CaseFlags } from './case-flags.ts'

/** Two flags that do not go together in a case, or one that means nothing without another. */
interface Conflict {
  readonly isThere: (flags: CaseFlags, policy: Policy) => boolean
  /** Names both flags. */
  readonly message: string
}

const conflicts: readonly Conflict[] = [
  {
    isThere: ({ includeReallocatePunish, reallocateTiming = 0 }) =>
      includeReallocatePunish === true && reallocateTiming === 0,
    message: '--include-reallocate-punish has no meaning without --reallocate-timing',
  },
  {
    isThere: ({ debugMode, reallocateTiming = 0 }) => debugMode !== undefined && reallocateTiming > 0,
    message:
      '--debug-mode and --reallocate-timing do not go together: a part of a run says nothing of what changes in it',
  },
  {
    isThere: ({ debugMode, overlap }) => debugMode === 'breakdown' && overlap === true,
    message: '--debug-mode breakdown and --overlap do not go together: a breakdown runs every step alone',
  },
  {
    // Where no percents are given, the planner or a file may have the host attend.
    isThere: ({ hostBackend, cpuCacheCompute, percent, policy }) =>
      hostBackend !== undefined && cpuCacheCompute !== true && percent !== undefined && policy === undefined,
    message: '--host-backend has no meaning without --cpu-cache-compute: it attends where that says so',
  },
  {
    isThere: ({ throttleDisk, percent }, { weights, cache, activations }) =>
      throttleDisk !== undefined &&
      percent !== undefined &&
      [weights, cache, activations].every(({ disk }) => disk === 0),
    message: '--throttle-disk has no meaning where --percent leaves nothing on disk',
  },
  {
    isThere: ({ throttleDisk, simulate }) => throttleDisk !== undefined && simulate !== undefined,
    message: '--throttle-disk and --simulate do not go together: the profile says how fast the disk is',
  },
]

/**
 * Refuses flags of a case that do not go together.
 * @throws {UsageError} naming both
 */
export function checkTogether(flags: CaseFlags, policy: Policy): void {
  const found = conflicts.find(({ isThere }) => isThere(flags, policy))
  if (found !== undefined) throw new UsageError(found.message)
}
