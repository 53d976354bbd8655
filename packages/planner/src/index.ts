export {
  type Candidate,
  type CostModel,
  type CostModelAnswer,
  type CostModelName,
  costModelNames,
  type Lack,
} from './cost-model.ts'
export type {
  ComputeRates,
  DecodeAttentionRate,
  DiskLink,
  FixedCosts,
  HardwareProfile,
  HostLink,
  LinkName,
  MatmulRate,
  PrefillAttentionRate,
  Rate,
  SharedLinks,
  WeightForm,
} from './hardware/hardware-profile.ts'
export { parseHardwareProfile } from './hardware/parse-hardware-profile.ts'
export { namedProfile, namedProfiles } from './hardware/named-profiles.ts'
export { createCostModel, plan } from './plan/plan.ts'
export { infeasiblePlanError } from './plan/infeasible-plan-error.ts'
export type { PlanRequest } from './plan/plan-request.ts'
export type {
  FeasibleChange,
  FeasiblePlan,
  InfeasiblePlan,
  JobPrediction,
  PlanResult,
  PlanSubject,
  WhatIf,
} from './plan/plan-result.ts'
export type { FixedPolicy } from './problem/planning-problem.ts'
export type { TierAmounts, TierName } from './problem/tier-amounts.ts'
export type { BytesByTier, Percent, PlannedPolicy, TierUse } from './result/planned-policy.ts'
export type { PhasePrediction, Prediction } from './result/prediction.ts'
export { describePlan } from './text/describe-plan.ts'
export type { FlexgenConstants } from './flexgen/flexgen-constants.ts'
export { parsePolicyFile } from './policy-file/parse-policy-file.ts'
export { type PolicyFile, policyFileOf } from './policy-file/policy-file.ts'
