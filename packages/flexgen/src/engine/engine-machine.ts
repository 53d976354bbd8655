import type { Clock, Tier } from '@flexgen/spec'

/** Clock and tiers of a machine that is not this one, such as a simulated one; they stay their maker's. */
export interface EngineMachine {
  readonly clock: Clock
  /** RAM tier whose allocator is the backend's `allocateHost`. */
  readonly ram: Tier
  readonly disk: Tier & {
    /** What users should know of it. */
    readonly notices: readonly string[]
  }
  /** Memory and disk that it has free; those of this machine where absent. */
  readonly room?: { readonly ramBytes: number; readonly diskBytes: number }
}
