import type { DType } from '@flexgen/spec'
import type { KernelCase } from './kernel-case.ts'

/** The feed-forward matrix of OPT-1.3B. */
const matrix = { kind: 'linear', out: 8192, inner: 2048 } as const
const heads = 32

/** Activations and weights of linear layers for few rows; bfloat16 pairs last. */
const linearDtypes: readonly (readonly [compute: DType, weights: DType])[] = [
  ['float32', 'float16'],
  ['float32', 'bfloat16'],
  ['bfloat16', 'bfloat16'],
  ['float32', 'q4g64'],
  ['float32', 'q4g64c'],
]

const prefillDtypes: typeof linearDtypes = [['float32', 'float32'], ...linearDtypes]

function attention(part: KernelCase['part'], dtype: DType, headDim: number, positions: number): KernelCase {
  return { part, kind: 'attention', dtype, heads, headDim, positions, sequences: positions > 2048 ? 2 : 8 }
}

/** What is timed with all threads. */
export const kernelCases: readonly KernelCase[] = [
  ...(['float16', 'bfloat16', 'q4g64'] as const).flatMap((dtype) =>
    [64, 80, 128].flatMap((headDim) =>
      [512, 2048, 4096].map((positions) => attention('decode attention', dtype, headDim, positions)),
    ),
  ),
  ...linearDtypes.flatMap(([compute, dtype]) =>
    [1, 2, 4, 8].map((rows): KernelCase => ({ ...matrix, part: 'linear', compute, dtype, rows })),
  ),
  ...prefillDtypes.map(([compute, dtype]): KernelCase => ({ ...matrix, part: 'prefill', compute, dtype, rows: 1024 })),
]

/** What is timed with every number of threads. */
export const scalingCases: readonly KernelCase[] = [
  { ...matrix, part: 'scaling', compute: 'float32', dtype: 'float16', rows: 1 },
  { ...matrix, part: 'scaling', compute: 'float32', dtype: 'q4g64c', rows: 1 },
  attention('scaling', 'float16', 128, 2048),
]
