import type { ModelShape } from '../problem/model-shape.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import type { FlexgenConstants } from './flexgen-constants.ts'

/** What FlexGen's equations are about, all but the batch split. */
export interface FlexgenProblem {
  readonly shape: ModelShape
  /** `s`. */
  readonly promptTokens: number
  /** `n`. */
  readonly newTokens: number
  readonly constants: FlexgenConstants
  /** Bytes that may be planned for: capacity times alpha. */
  readonly allowedBytes: TierAmounts
  /** Weights in 4 bits: a quarter of the bytes, as the original counts them (no scales). */
  readonly compressWeight: boolean
}

/** How a block is cut into GPU batches. */
export interface BatchSplit {
  /** `gbs`: sequences of one kernel run. */
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
}

/** `bls`: sequences of a block. */
export function blockSize({ gpuBatchSize, numGpuBatches }: BatchSplit): number {
  return gpuBatchSize * numGpuBatches
}

/** `wi`: bytes of the weights of one decoder layer, without biases and norms. */
export function layerWeightBytes({ shape: { hiddenSize, ffnSize }, compressWeight }: FlexgenProblem): number {
  const bytes = 8 * hiddenSize ** 2 + 4 * hiddenSize * ffnSize
  return compressWeight ? bytes / 4 : bytes
}
