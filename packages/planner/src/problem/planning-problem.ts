import type { Model } from '@flexgen/spec'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import type { Layouts } from '../layout/layouts.ts'
import type { Percent } from '../result/planned-policy.ts'
import type { TierAmounts } from './tier-amounts.ts'

/** Parts of the policy that the user has chosen; the rest is searched. */
export interface FixedPolicy {
  readonly percent?: Percent | undefined
  readonly gpuBatchSize?: number | undefined
  readonly numGpuBatches?: number | undefined
}

/** What is planned: a model, a machine and a workload of equal sequences. */
export interface PlanningProblem {
  readonly model: Model
  readonly hardware: HardwareProfile
  /** Bytes of every tier that the run may use. */
  readonly capacity: TierAmounts
  /** Share of each capacity that is planned for; the cost model's own where absent. */
  readonly margin: TierAmounts | undefined
  readonly promptTokens: number
  /** New tokens of every sequence, 1 or more. */
  readonly newTokens: number
  /** Sequences of the whole job; blocks are no larger. */
  readonly numPrompts: number | undefined
  readonly fixed: FixedPolicy
  readonly compressWeight: boolean
  readonly compressCache: boolean
  /** Whether weights and KV may be compressed where that is faster. */
  readonly allowCompression: boolean
  /** Whether loads and stores run beside computation. */
  readonly overlap: boolean
  /** Whether files are read past the page cache. */
  readonly directIo: boolean
  /** RAM of the machine that the run and the page cache share. */
  readonly freeRamBytes: number
  /** The engine's own planning; the cost model `engine` needs it. */
  readonly layouts: Layouts | undefined
}
