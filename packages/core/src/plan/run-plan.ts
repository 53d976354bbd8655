import type { TierBytes } from '../placement/summary.ts'

/** Bytes of RAM that a run holds at most, part by part. On a device with memory of its own, see `device`. */
export interface RamPlan {
  /** Weights prepared on a host backend. */
  readonly preparedWeights: number
  /** Weights in the RAM tier, vectors included. */
  readonly ramWeights: number
  /** Slots that streamed weights pass through. */
  readonly weightStaging: number
  /** KV rows that rest in RAM (on a host backend also the device's). */
  readonly cache: number
  /** Tail pages of KV on disk, page buffers and slots. */
  readonly cacheStaging: number
  /** Hidden states and what is bound beside them. */
  readonly hidden: number
  readonly logits: number
  /** Scratch of the runtime's kernels. */
  readonly workspace: number
  readonly total: number
}

/** Bytes that a run holds at most on each tier. */
export interface RunPlan {
  readonly ram: RamPlan
  /** Device memory (on a host backend a part of the RAM plan): prepared weights, resident KV, workspace. */
  readonly deviceBytes: number
  /** Scratch on disk: KV, hidden states and generated weights; weights in the checkpoint are not counted. */
  readonly diskBytes: number
  /** Ring that streamed weights pass through: RAM on a host-visible backend, device memory elsewhere. */
  readonly weightRingBytes: number
  /** Weights by the tier they are computed from. */
  readonly weights: TierBytes
}
