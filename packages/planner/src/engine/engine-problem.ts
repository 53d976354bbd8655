import { dtypeBytes, type DType, q4Group } from '@flexgen/spec'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import { computeTimes, type ComputeTimes } from './compute-times.ts'
import { type ModelWeights, modelWeights } from './model-weights.ts'

/** Positions of a KV page on disk: the engine's default. */
export const pagePositions = 64

/** What the engine's model knows of a problem before it looks at batch splits and shares. */
export interface EngineProblem {
  readonly problem: PlanningProblem
  readonly hardware: HardwareProfile
  /** Kernels read RAM where it lies: device and RAM are one memory. */
  readonly isHost: boolean
  readonly allowedBytes: TierAmounts
  readonly weights: ModelWeights
  readonly compressWeight: boolean
  readonly compressCache: boolean
  readonly computeDtype: DType
  /** Bytes of a held weight by those of its form in the checkpoint. */
  readonly preparedFactor: number
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

/** The problem in the engine's terms, with or without compression. */
export function engineProblem(
  problem: PlanningProblem,
  allowedBytes: TierAmounts,
  compressWeight: boolean,
  compressCache: boolean,
): EngineProblem {
  const { model, hardware } = problem
  const { compute, machine } = hardware
  const isHost = machine.device === 'host'
  const computeDtype = compute.device.matmul[0]!.dtype
  const width = dtypeBytes(computeDtype, 1)
  const kvWidth = model.kvHeads * model.headDim
  const q4PerValue = q4Group.bytes / q4Group.values
  return {
    problem,
    hardware,
    isHost,
    allowedBytes,
    weights: modelWeights(model, 'float16', compressWeight),
    compressWeight,
    compressCache,
    computeDtype,
    // A host's kernels hold weights in the dtype that they compute in.
    preparedFactor: isHost && !compressWeight ? width / dtypeBytes('float16', 1) : 1,
    decoderLayers: model.facts.decoderLayers,
    hiddenSize: model.hiddenSize,
    heads: model.facts.heads,
    positionBytes: 2 * kvWidth * (compressCache ? q4PerValue : width),
    widePositionBytes: 2 * kvWidth * width,
    device: computeTimes(compute.device, computeDtype, compressCache),
    host: isHost || compute.host === undefined ? undefined : computeTimes(compute.host, computeDtype, compressCache),
  }
}
