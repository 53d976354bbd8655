export {
  type Candidate,
  type CostModel,
  type CostModelAnswer,
  type CostModelName,
  costModelNames,
  type Lack,
} from './cost-model.ts'
export type {
  BesideReads,
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
  ReadWay,
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
export { type FileKind, parseFile } from './schema/parse-file.ts'
export { parsePolicyFile } from './policy-file/parse-policy-file.ts'
export { type PolicyFile, policyFileOf } from './policy-file/policy-file.ts'
export { hardwareForBackend, hardwareWithoutHost, knowsBackend } from './hardware/for-backend.ts'
export { assumedCard, type AssumedCardOptions } from './hardware/assumed-card.ts'
export { assumedHost, type AssumedHostOptions } from './hardware/assumed-host.ts'
export { predictPolicy, type PredictRequest } from './predict/predict-policy.ts'
export { addRun, emptyHistory, type HistoryFile, type PhaseTimes, type RunRecord } from './history/run-record.ts'
export { parseHistory } from './history/parse-history.ts'
export { type Correction, type CorrectionKey, correctionOf, correctPrediction } from './history/correction.ts'
export type { LayoutsOptions } from './layout/layouts.ts'
export { formatSeconds } from './text/format-amounts.ts'
