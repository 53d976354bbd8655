import type { Candidate, CostModelName, Lack } from '../cost-model.ts'
import type { FixedPolicy } from '../problem/planning-problem.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import type { BytesByTier, PlannedPolicy } from '../result/planned-policy.ts'
import type { Prediction } from '../result/prediction.ts'

/** What was planned for. */
export interface PlanSubject {
  readonly schemaVersion: 1
  readonly costModel: CostModelName
  readonly model: string
  /** Name of the hardware profile. */
  readonly hardware: string
  readonly workload: {
    readonly promptTokens: number
    readonly newTokens: number
    readonly numPrompts?: number
  }
}

/** What a change of machine or flags would bring. */
export interface WhatIf {
  /** For people, such as `64 GiB more RAM`. */
  readonly change: string
  readonly totalTokensPerSecond: number
  /** Against the plan. */
  readonly factor: number
}

/** The whole job. */
export interface JobPrediction {
  readonly blocks: number
  readonly totalSeconds: number
}

/** A plan that fits: what `flexgen plan --json` prints. */
export interface FeasiblePlan extends PlanSubject {
  readonly feasible: true
  readonly policy: PlannedPolicy
  readonly bytes: BytesByTier
  readonly predicted: Prediction
  readonly job?: JobPrediction
  readonly runnerUp?: Candidate
  /** Other policies as fast as this one. */
  readonly alternatives: readonly {
    readonly percent: readonly number[]
    readonly percentExact: readonly number[]
    readonly bytes: BytesByTier
    readonly predicted: Prediction
  }[]
  /** Largest gain first. */
  readonly whatIf: readonly WhatIf[]
}

/** A change with which a run would fit. */
export interface FeasibleChange {
  /** For people. */
  readonly change: string
  readonly totalTokensPerSecond: number
  /** New capacities, where they are what changes. */
  readonly capacity?: TierAmounts
  /** New flags, where they are what changes. */
  readonly fixed?: FixedPolicy
  readonly compressWeight?: boolean
  readonly compressCache?: boolean
}

/** Why nothing fits. */
export interface InfeasiblePlan extends PlanSubject {
  readonly feasible: false
  /** One line: which capacity lacks how much. */
  readonly reason: string
  readonly capacity: TierAmounts
  readonly lacks: readonly Lack[]
  /** Nearest first. */
  readonly changes: readonly FeasibleChange[]
}

/** The outcome of planning. */
export type PlanResult = FeasiblePlan | InfeasiblePlan
