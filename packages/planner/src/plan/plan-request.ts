import type { Model } from '@flexgen/spec'
import type { CostModelName } from '../cost-model.ts'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import type { LayoutsOptions } from '../layout/layouts.ts'
import type { FixedPolicy } from '../problem/planning-problem.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'

/** What a plan is asked for. */
export interface PlanRequest {
  readonly model: Model
  readonly hardware: HardwareProfile
  readonly costModel: CostModelName
  readonly promptTokens: number
  /** New tokens of every sequence. */
  readonly newTokens: number
  /** Sequences of the whole job; then the plan says how many blocks it takes. */
  readonly numPrompts?: number | undefined
  /** Bytes that the run may use of each tier; those of the profile where absent. */
  readonly capacity?: Partial<Record<keyof TierAmounts, number | undefined>> | undefined
  /** Share of each capacity to plan for; the cost model's own where absent. */
  readonly margin?: TierAmounts | undefined
  /** What is not searched. */
  readonly fixed?: FixedPolicy | undefined
  readonly compressWeight?: boolean | undefined
  readonly compressCache?: boolean | undefined
  /** Lets the planner compress weights and KV where that is faster. */
  readonly allowCompression?: boolean | undefined
  /** Whether loads and stores run beside computation. Default true. */
  readonly overlap?: boolean | undefined
  /** Whether files are read past the page cache. Default false. */
  readonly directIo?: boolean | undefined
  /** Whether what-ifs and the runner-up are left out: the policy alone is wanted. */
  readonly isWithoutAdvice?: boolean | undefined
  /** RAM of the machine that the run and the page cache share; the profile's where absent. */
  readonly freeRamBytes?: number | undefined
  /**
   * What the run is laid out with, where it is at hand: a backend, the weights as they will be read, dtypes. Then bytes
   * are those of the engine exactly. Without it they come from the profile and the model's config.
   */
  readonly layout?: Omit<LayoutsOptions, 'model' | 'hardware'> | undefined
}
