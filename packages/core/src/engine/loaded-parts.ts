import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { PlannedModel } from '../plan/plan-run.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import type { MemoryBudget } from '../replacement/memory-budget.ts'
import type { DeviceLimit } from './device-limit.ts'
import type { Cleanup } from './cleanup.ts'
import type { EngineOptions } from './engine-options.ts'
import type { HostClaim } from './host-claim.ts'
import type { RestingWeights } from './resting-weights.ts'
import type { WeightPins } from './weight-pins.ts'

/** A model whose resident weights are loaded: what `createEngine` hands to the engine. */
export interface LoadedParts extends PlannedModel {
  readonly options: EngineOptions
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly plan: RunPlan
  readonly resting: RestingWeights
  /** Streamed matrices that stay where kernels read them. */
  readonly pins: WeightPins
  /** Matrices that the policy wants on the device, where placement may change: then they are pinned. */
  readonly wantedPins: readonly WeightUnit[]
  readonly budget: MemoryBudget
  /** What the backend may allocate of its device: the budget's limit. */
  readonly deviceLimit: DeviceLimit
  readonly hostClaim: HostClaim
  /** Frees all of it. */
  readonly cleanup: Cleanup
  readonly allPositions: boolean
  readonly loadSeconds: number
  /** What users should know of how the policy is carried out. */
  readonly notices: readonly string[]
}
