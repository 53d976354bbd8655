import type { CostModelName } from '../cost-model.ts'
import type { FeasiblePlan } from '../plan/plan-result.ts'
import type { PlannedPolicy } from '../result/planned-policy.ts'

/** A policy that was saved, `policy.json`: what `generate` and `bench` read, and what was expected of it. */
export interface PolicyFile {
  readonly schemaVersion: 1
  readonly policy: Omit<PlannedPolicy, 'percentExact'>
  /** What it was planned for; a run of something else is no error, but its prediction says nothing. */
  readonly plannedFor?: {
    readonly model: string
    readonly hardware: string
    readonly costModel: CostModelName
    readonly promptTokens: number
    readonly newTokens: number
  }
  readonly predicted?: {
    readonly prefillSeconds: number
    readonly decodeSeconds: number
    readonly totalTokensPerSecond: number
  }
}

/** The file of a plan. */
export function policyFileOf({ policy, predicted, model, hardware, costModel, workload }: FeasiblePlan): PolicyFile {
  const { percentExact: _, ...saved } = policy
  const { promptTokens, newTokens } = workload
  const { prefillSeconds, decodeSeconds, totalTokensPerSecond } = predicted
  return {
    schemaVersion: 1,
    policy: saved,
    plannedFor: { model, hardware, costModel, promptTokens, newTokens },
    predicted: { prefillSeconds, decodeSeconds, totalTokensPerSecond },
  }
}
