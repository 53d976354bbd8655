import type { TimingEffort } from '../timing/time-runs.ts'

/** How large and how long everything is measured; smaller for tests. */
export interface MeasureEffort {
  readonly timing: TimingEffort
  /** Width of products, and how many matrices take turns, so that no cache holds them. */
  readonly width: number
  readonly matrices: number
  readonly rows: readonly number[]
  readonly heads: number
  readonly headDim: number
  /** Sequences and two lengths of decode attention. */
  readonly sequences: readonly number[]
  readonly positions: readonly [number, number]
  readonly promptTokens: readonly number[]
  /** Bytes of the file that the disk is measured with, and seconds of direct reads and of two things at once. */
  readonly fileBytes: number
  readonly readSeconds: number
  readonly besideSeconds: number
}

/** What `flexgen profile` does: under a minute for two backends on two cores. */
export const fullEffort: MeasureEffort = {
  timing: { leastSeconds: 0.06, repetitions: 5 },
  width: 4096,
  matrices: 4,
  rows: [1, 2, 4, 8, 16, 32, 64, 128, 512],
  heads: 32,
  headDim: 64,
  sequences: [1, 4, 8, 32],
  positions: [64, 512],
  promptTokens: [16, 64, 256, 512],
  fileBytes: 512 * 2 ** 20,
  readSeconds: 4,
  besideSeconds: 1,
}
