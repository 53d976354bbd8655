import type { Model } from '@flexgen/spec'
import type { CostModelName } from '../cost-model.ts'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
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
}
