/** Shares in percent on the device, in RAM and on disk; they sum to 100. */
export interface TierPercent {
  readonly device: number
  readonly ram: number
  readonly disk: number
}

/** How a run is laid out: FlexGen's policy (paper section 4.3, flex_opt.py) in camelCase; a frozen value. */
export interface Policy {
  /** Sequences of one kernel run. */
  readonly gpuBatchSize: number
  /** GPU batches of a block, which share each loaded weight. */
  readonly numGpuBatches: number
  readonly weights: TierPercent
  readonly cache: TierPercent
  readonly activations: TierPercent
  /** Whether loads and stores run beside computation. */
  readonly overlap: boolean
  /** Whether attention and mlp are layers of their own in the schedule. */
  readonly sepLayer: boolean
  /**
   * Share of the KV off the device, by (layer, sequence), that is attended on the host where it rests; FlexGen's
   * `--cpu-cache-compute` is 100. The prompt is attended on the device all the same where that has memory of its own.
   */
  readonly hostAttentionPercent: number
  /** Share of the past positions whose V rows are kept in decode, the largest attention weights; 1 keeps all (paper section 4). */
  readonly attentionSparsity: number
  /** Matrices come in 4 bits a value, groups of 64 (paper section 4); the weight source must give them so. */
  readonly compressWeight: boolean
  /** KV is kept in 4 bits a value on every tier. */
  readonly compressCache: boolean
  /** `exact` spreads by error diffusion; `flexgen` rounds to whole tensors and sequences as the original does. */
  readonly placement: 'exact' | 'flexgen'
}
