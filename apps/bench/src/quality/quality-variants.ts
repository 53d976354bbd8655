import type { DType, GroupDType } from '@flexgen/spec'

/** One way of computing whose quality is measured. */
export interface QualityVariant {
  readonly key: string
  readonly title: string
  /** Dtype of computation and, unless it is compressed, of the KV cache. */
  readonly dtype: DType
  /** Form of 4-bit weights; undefined for weights as they are stored. */
  readonly weights?: GroupDType
  readonly compressCache?: boolean
  /** Share of the V rows that decoding reads. */
  readonly attentionSparsity?: number
  /** Most that perplexity may rise over the baseline's, in percent; undefined where no goal was set. */
  readonly limitPercent?: number
}

const sparse = { attentionSparsity: 0.1 } as const

/**
 * What the suite `quality` measures; the first is the baseline. All but `float16` compute in float32, so that the rise
 * is that of compression alone.
 */
export const qualityVariants: readonly QualityVariant[] = [
  { key: 'fp32', title: 'float32', dtype: 'float32' },
  { key: 'fp16', title: 'float16', dtype: 'float16' },
  {
    key: 'w4-outputs',
    title: '4-bit weights, groups along outputs (FlexGen)',
    dtype: 'float32',
    weights: 'q4g64c',
    limitPercent: 3,
  },
  {
    key: 'w4-inputs',
    title: '4-bit weights, groups along inputs',
    dtype: 'float32',
    weights: 'q4g64',
    limitPercent: 3,
  },
  { key: 'kv4', title: '4-bit KV', dtype: 'float32', compressCache: true, limitPercent: 1 },
  {
    key: 'w4-outputs-kv4',
    title: '4-bit weights (outputs) and KV',
    dtype: 'float32',
    weights: 'q4g64c',
    compressCache: true,
  },
  {
    key: 'w4-inputs-kv4',
    title: '4-bit weights (inputs) and KV',
    dtype: 'float32',
    weights: 'q4g64',
    compressCache: true,
  },
  { key: 'sparse', title: '10 % of V', dtype: 'float32', ...sparse },
  {
    key: 'w4-outputs-kv4-sparse',
    title: '4-bit weights (outputs) and KV, 10 % of V',
    dtype: 'float32',
    weights: 'q4g64c',
    compressCache: true,
    ...sparse,
  },
  {
    key: 'w4-inputs-kv4-sparse',
    title: '4-bit weights (inputs) and KV, 10 % of V',
    dtype: 'float32',
    weights: 'q4g64',
    compressCache: true,
    ...sparse,
  },
]
