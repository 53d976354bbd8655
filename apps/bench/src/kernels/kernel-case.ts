import type { DType } from '@flexgen/spec'

/** y = x W^T + b, with weights `[out, inner]`. */
export interface LinearCase {
  readonly kind: 'linear'
  /** Dtype of x and y. */
  readonly compute: DType
  readonly dtype: DType
  readonly rows: number
  readonly out: number
  readonly inner: number
}

/** One new token of each sequence that attends to itself and what is cached. */
export interface AttentionCase {
  readonly kind: 'attention'
  /** Dtype of the KV cache. */
  readonly dtype: DType
  readonly sequences: number
  readonly heads: number
  readonly headDim: number
  /** Positions that a token attends to. */
  readonly positions: number
}

/** Something that the suite times. */
export type KernelCase = (LinearCase | AttentionCase) & {
  /** Part of the table. */
  readonly part: 'decode attention' | 'linear' | 'prefill' | 'scaling'
}

/** What a case computes, in a few words. */
export function titleOf(kernelCase: KernelCase): string {
  const { dtype } = kernelCase
  if (kernelCase.kind === 'attention') {
    const { headDim, positions } = kernelCase
    return `attention, ${dtype} KV, heads of ${headDim}, ${positions} positions`
  }
  const { rows, compute } = kernelCase
  return `linear, ${dtype} weights, ${rows} ${rows === 1 ? 'row' : 'rows'}${compute === 'float32' ? '' : ` of ${compute}`}`
}
