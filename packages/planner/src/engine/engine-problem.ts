import { defaultPagePositions, type RunPlanner } from '@flexgen/core'
import { dtypeBytes, type DType } from '@flexgen/spec'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import { computeTimes, type ComputeTimes } from './compute-times.ts'
import { type ModelWeights, modelWeights } from './model-weights.ts'

/** Positions of a KV page on disk: the engine's default. */
export const pagePositions: number = defaultPagePositions

/** What the engine's model knows of a problem before it looks at batch splits and shares. */
export interface EngineProblem {
  readonly problem: PlanningProblem
  readonly hardware: HardwareProfile
  /** Kernels read RAM where it lies: device and RAM are one memory. */
  readonly isHost: boolean
  readonly allowedBytes: TierAmounts
  /** The engine's own planning, where the device alone attends. */
  readonly planner: RunPlanner
  readonly weights: ModelWeights
  readonly compressWeight: boolean
  readonly compressCache: boolean
  readonly computeDtype: DType
  readonly decoderLayers: number
  readonly hiddenSize: number
  readonly heads: number
  /** Bytes of K and V of one position of one layer, as they are kept and as they are computed with. */
  readonly positionBytes: number
  readonly widePositionBytes: number
  readonly device: ComputeTimes
  /** Where KV that is not on the device may be attended; undefined on a host. */
  readonly host: ComputeTimes | undefined
}

/** The problem in the engine's terms, with or without compression; undefined where no kernels are there for that. */
export function engineProblem(
  problem: PlanningProblem,
  allowedBytes: TierAmounts,
  compressWeight: boolean,
  compressCache: boolean,
): EngineProblem | undefined {
  const { model, hardware } = problem
  const { compute, machine } = hardware
  const planner = problem.layouts?.of({ compressWeight, compressCache, hostAttention: false })
  if (planner === undefined) return undefined
  const isHost = machine.device === 'host'
  const { computeDtype, cacheDtype } = planner
  const kvPairs = 2 * model.kvHeads
  const stageSeconds = hardware.costs.stageSeconds
  return {
    problem,
    hardware,
    isHost,
    allowedBytes,
    planner,
    weights: modelWeights(model, planner),
    compressWeight,
    compressCache,
    computeDtype,
    decoderLayers: model.facts.decoderLayers,
    hiddenSize: model.hiddenSize,
    heads: model.facts.heads,
    positionBytes: kvPairs * dtypeBytes(cacheDtype, model.headDim),
    widePositionBytes: kvPairs * dtypeBytes(computeDtype, model.headDim),
    device: computeTimes(compute.device, computeDtype, compressCache, stageSeconds),
    host:
      isHost || compute.host === undefined
        ? undefined
        : computeTimes(compute.host, computeDtype, compressCache, stageSeconds),
  }
}
