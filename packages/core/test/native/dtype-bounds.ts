import type { DType } from '@flexgen/spec'

/** How far logits may be from those of transformers in float32, where everything is computed in a dtype. */
export interface DTypeBounds {
  /** Largest difference of a logit in float32 bounds of the project (1e-4 |b| + 1e-4 std of the row). */
  readonly share: number
  /** Root of the mean squared difference, in standard deviations of the row. */
  readonly rootMeanSquare: number
  /** Ids are compared up to the first step whose two best logits are nearer than this. */
  readonly gap: number
}

/**
 * The stated table of the dtypes. Transformers itself, in the same half format on the same ten fixtures (torch 2.15 on a
 * CPU, eager attention), is off by 60 to 346 float32 bounds in float16 and 585 to 1827 in bfloat16, by 0.0039 and 0.023
 * standard deviations at most, and takes another id at gaps up to 0.012 and 0.22. Native must be as near as that; it was seen
 * to take another id at gaps up to 0.058, in bfloat16.
 */
export const dtypeBounds: Readonly<Record<'float32' | 'float16' | 'bfloat16', DTypeBounds>> = {
  float32: { share: 1, rootMeanSquare: 1e-4, gap: 1e-3 },
  float16: { share: 346, rootMeanSquare: 0.0039, gap: 0.012 },
  bfloat16: { share: 1827, rootMeanSquare: 0.023, gap: 0.1 },
} satisfies Partial<Record<DType, DTypeBounds>>

/** The dtypes that native computes in. */
export const computeDtypes = ['float32', 'float16', 'bfloat16'] as const
