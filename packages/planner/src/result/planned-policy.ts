/** Six percents in the order of `--percent`. */
export type Percent = readonly [number, number, number, number, number, number]

/** A policy as a plan gives it, in the words of the command line. */
export interface PlannedPolicy {
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
  /** Whole percents. */
  readonly percent: Percent
  /** The optimum, not rounded. */
  readonly percentExact: Percent
  /** Whether any KV is attended on the host. */
  readonly cpuCacheCompute: boolean
  /** Percent of the KV off the device that the host attends. */
  readonly hostAttentionPercent: number
  readonly compressWeight: boolean
  readonly compressCache: boolean
}

/** The bytes that a tier holds at its peak. */
export interface TierUse {
  readonly weights: number
  readonly cache: number
  readonly activations: number
  /** Working sets, staging buffers and workspace. */
  readonly staging: number
  readonly total: number
  /** What may be planned for: the capacity, less what the cost model keeps free. */
  readonly allowed: number
  readonly capacity: number
}

/** Bytes on every tier. */
export interface BytesByTier {
  readonly device: TierUse
  readonly ram: TierUse
  readonly disk: TierUse
}
