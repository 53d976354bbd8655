/**
 * The hardware constants of FlexGen's cost model (`CostModelConfig` in experimental/cost_model.py), in bytes and
 * floating-point operations per second.
 */
export interface FlexgenConstants {
  /** `ctog_bdw`. */
  readonly ramToDeviceBytesPerSecond: number
  /** `gtoc_bdw_cache`: KV rows of the prefill. */
  readonly deviceToRamCacheBytesPerSecond: number
  /** `gtoc_bdw_hidden`. */
  readonly deviceToRamHiddenBytesPerSecond: number
  /** `dtoc_bdw`. */
  readonly diskReadBytesPerSecond: number
  /** `ctod_bdw_cache_p`. */
  readonly diskWriteCachePrefillBytesPerSecond: number
  /** `ctod_bdw_g`. */
  readonly diskWriteDecodeBytesPerSecond: number
  /** `mm_flops_p`. */
  readonly matmulPrefillFlopsPerSecond: number
  /** `mm_flops_g`. */
  readonly matmulDecodeFlopsPerSecond: number
  /** `bmm_flops_p`: attention of the prefill. */
  readonly attentionPrefillFlopsPerSecond: number
  /** `bmm_flops_g`: attention of a decode step over KV on the GPU. */
  readonly attentionDecodeFlopsPerSecond: number
  /** `cpu_flops`: attention of a decode step over KV elsewhere, at batch 64 and hidden size 4096. */
  readonly hostAttentionFlopsPerSecond: number
  /** `c1`, `c2`, `c3`: how the host slows down for small batches, small models and both. */
  readonly hostSlowdown: { readonly both: number; readonly batch: number; readonly hidden: number }
}
