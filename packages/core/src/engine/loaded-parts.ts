import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { PlannedModel } from '../plan/plan-run.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import type { Cleanup } from './cleanup.ts'
import type { EngineOptions } from './engine-options.ts'
import type { RestingUnit } from './resident-weights.ts'

/** A model whose resident weights are loaded: what `createEngine` hands to the engine. */
export interface LoadedParts extends PlannedModel {
  readonly options: EngineOptions
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly plan: RunPlan
  readonly resting: ReadonlyMap<WeightUnit, RestingUnit>
  /** Frees all of it. */
  readonly cleanup: Cleanup
  readonly allPositions: boolean
  readonly loadSeconds: number
  /** What users should know of how the policy is carried out. */
  readonly notices: readonly string[]
}
