import type { PlanningProblem } from './problem/planning-problem.ts'
import type { TierAmounts, TierName } from './problem/tier-amounts.ts'
import type { BytesByTier, PlannedPolicy } from './result/planned-policy.ts'
import type { Prediction } from './result/prediction.ts'

/** The cost models by their names. */
export const costModelNames = ['flexgen', 'engine'] as const

/** Name of a cost model. */
export type CostModelName = (typeof costModelNames)[number]

/** A policy with what is expected of it. */
export interface Candidate {
  readonly policy: PlannedPolicy
  readonly bytes: BytesByTier
  /** Most bytes held while tokens are made; `bytes` also count what loading takes for a moment. */
  readonly runBytes?: TierAmounts
  /** Of the exact percents. */
  readonly predicted: Prediction
}

/** Capacity that is missing. */
export interface Lack {
  readonly tier: TierName
  /** Bytes by which the capacity would have to grow. */
  readonly bytes: number
}

/** What fits and is fastest, or what is missing. */
export type CostModelAnswer =
  | {
      readonly feasible: true
      readonly best: Candidate
      /** The best with another gpu batch size; absent where there is none. */
      readonly runnerUp?: Candidate
      /** Other policies as fast as the best, with the least on disk first. */
      readonly alternatives: readonly Candidate[]
    }
  | {
      readonly feasible: false
      /** The capacities that must grow together; nothing where no capacity helps. */
      readonly lacks: readonly Lack[]
      /** For every tier that could make it alone: how much it would have to grow. */
      readonly eitherOf: readonly Lack[]
    }

/** Predicts times and finds policies; pure, the same for the same problem. */
export interface CostModel {
  readonly name: CostModelName
  /** @throws {UsageError} for a problem that the model does not describe */
  plan(problem: PlanningProblem): CostModelAnswer
  /**
   * Tokens per second of the best policy alone; undefined where nothing fits.
   * @param above what it must pass to be of interest: undefined is fine where it does not
   */
  bestTokensPerSecond(problem: PlanningProblem, above?: number): number | undefined
  /** Seconds of a block of fewer sequences under a policy: the last one of a job. */
  blockSeconds(problem: PlanningProblem, policy: PlannedPolicy, sequences: number): number
}
