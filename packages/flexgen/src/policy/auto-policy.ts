import type { PolicyOptions } from '@flexgen/core'
import type { Policy } from '@flexgen/spec'

/**
 * A policy that the planner completes: batch split and percents where they are not given, and what the host attends,
 * unless `hostAttentionPercent` is 0.
 */
export interface AutoPolicy extends PolicyOptions {
  readonly auto: true
}

/** How a policy may be said. */
export type PolicyChoice = 'auto' | AutoPolicy | Policy | PolicyOptions

/** What is fixed of a policy that is to be chosen; undefined where it is chosen already. */
export function autoPartsOf(policy: PolicyChoice | undefined): AutoPolicy | undefined {
  if (policy === 'auto') return { auto: true }
  return policy !== undefined && 'auto' in policy ? policy : undefined
}
