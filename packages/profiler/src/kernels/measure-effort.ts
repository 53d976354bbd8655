import type { TimingEffort } from '../timing/time-runs.ts'

/** How large and how long everything is measured; smaller for tests. */
export interface MeasureEffort {
  readonly timing: TimingEffort
  /**
   * Width of products, how many matrices take turns, so that no cache holds them, and how many of them one run multiplies
   * by: several where issuing a run takes longer than one product.
   */
  readonly width: number
  readonly matrices: number
  readonly productsPerRun: number
  readonly rows: readonly number[]
  readonly heads: number
  readonly headDim: number
  /** Sequences and two lengths of decode attention. */
  readonly sequences: readonly number[]
  readonly positions: readonly [number, number]
  /** Bytes of KV that decode attention walks over at least, before it reads any again. */
  readonly kvBytes: number
  readonly promptTokens: readonly number[]
  /** Tokens of a run of attention over prompts at most, and of what stands around products. */
  readonly prefillTokens: number
  readonly elementwiseTokens: number
  /** Bytes of the file that the disk is measured with, and seconds of direct reads and of two things at once. */
  readonly fileBytes: number
  readonly readSeconds: number
  readonly besideSeconds: number
  /** Bytes of one copy to or from a device, and of host memory that is made to see how fast it comes. */
  readonly copyBytes: number
  readonly pinnedBytes: number
}

/** What `flexgen profile` does: under a minute for two backends on two cores, a minute beside a card. */
export const fullEffort: MeasureEffort = {
  timing: { leastSeconds: 0.06, repetitions: 5 },
  width: 4096,
  matrices: 4,
  productsPerRun: 1,
  rows: [1, 2, 4, 8, 16, 32, 64, 128, 512],
  heads: 32,
  headDim: 64,
  sequences: [1, 4, 8, 32],
  positions: [64, 512],
  kvBytes: 2 ** 30,
  promptTokens: [16, 64, 256, 512],
  prefillTokens: 1024,
  elementwiseTokens: 256,
  fileBytes: 512 * 2 ** 20,
  readSeconds: 4,
  besideSeconds: 1,
  copyBytes: 64 * 2 ** 20,
  pinnedBytes: 2 ** 30,
}

/** What it does with a card: all of it larger, so that kernels take longer than issuing them. */
export const cardEffort: MeasureEffort = {
  ...fullEffort,
  width: 8192,
  matrices: 8,
  productsPerRun: 4,
  rows: [1, 8, 32, 128, 512, 2048, 8192],
  headDim: 128,
  sequences: [1, 8, 32, 128],
  positions: [128, 1024],
  promptTokens: [64, 256, 512],
  prefillTokens: 8192,
  elementwiseTokens: 8192,
}
