export { createPolicy, defaultPercent, type PolicyOptions } from './policy/create-policy.ts'
export { placeCacheLikeFlexgen, placeWeightsLikeFlexgen } from './placement/place-like-flexgen.ts'
export { placeRows, type RowHome } from './placement/place-rows.ts'
export { placeWeights, type RowBlock, rowBlockMaxBytes, type UnitPlacement } from './placement/place-weights.ts'
export { percentOf, type TierBytes, weightBytesByTier } from './placement/summary.ts'
export { listWeightUnits, type WeightUnit } from './placement/weight-unit.ts'
export { cutBatches, type LiveRow, type Step, sweep, type SweepShape, type TaskName } from './schedule/sweep.ts'
export { fuseGraphs } from './graph/fuse-graphs.ts'
export { mergeLayers } from './graph/merge-layers.ts'
export { chooseWeightForms } from './graph/weight-forms.ts'
export { type GraphChoices, resolveGraph } from './graph/resolve-graph.ts'
export { argMax, checkSampling, greedy, sampleRow, type SamplingOptions } from './sampling/sample-row.ts'
export { keyedUniform } from './sampling/uniform.ts'
export { createEngine } from './engine/create-engine.ts'
export type { Engine } from './engine/engine.ts'
export type {
  EngineOptions,
  FinishReason,
  GenerateOptions,
  GenerationEvent,
  GenerationRequest,
  GenerationResult,
  LoadProgress,
  SweepProgress,
  Workload,
} from './engine/engine-options.ts'
export type { RamPlan, RunPlan } from './plan/run-plan.ts'
export {
  createRunPlanner,
  type LaidOutRun,
  type RunBudgets,
  type RunPlanner,
  type RunPlannerOptions,
} from './plan/run-planner.ts'
export { defaultLookAhead, defaultPagePositions } from './plan/plan-run.ts'
export type { BlockPlan } from './engine/block-plan.ts'
export { leastRingBytes, lookAheadRingBytes, stagingAlignment } from './engine/staging-ring.ts'
export type { BytesByKind } from './report/disk-traffic.ts'
export { type ControllerRule, defaultRule, ReplacementController } from './replacement/controller.ts'
export type { Decision, Moves, Outcome, PlacementFacts, Reallocator, SweepFacts } from './replacement/reallocator.ts'
export type {
  EngineBudget,
  MemoryUse,
  PlacementSample,
  ReplacementOptions,
  ReplacementReport,
  ReplacementStep,
  ReplacementTiming,
} from './replacement/replacement-options.ts'
export type { ResourceName, ResourceUse, SweepUse } from './replacement/sweep-use.ts'
export type { PlacementShare, RunReport, SweepTraffic } from './report/run-report.ts'
