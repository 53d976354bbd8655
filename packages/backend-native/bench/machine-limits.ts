import type { NativeLibrary } from '../src/library/native-library.ts'
import { median } from './statistics.ts'

/** What the machine can do at most with so many threads. */
export interface MachineLimits {
  readonly readBytesPerSecond: number
  /** With float32 sums of float32 products. */
  readonly multipliesPerSecond: number
  /** With products of bfloat16 pairs; the same as above where the processor has none. */
  readonly bf16MultipliesPerSecond: number
}

const sizeBytes = 512 * 2 ** 20

/** Measures the limits: best of some passes, since others may use the machine at the same time. */
export function measureLimits(
  library: NativeLibrary,
  threads: number,
  level: string,
  memory: { readonly address: number },
): MachineLimits {
  const most = (measure: () => number): number => Math.max(...Array.from({ length: 7 }, measure))
  const plain = level === 'avx512-bf16' ? 'avx512' : level
  return {
    readBytesPerSecond: most(() => library.measureRead(threads, plain, memory.address, sizeBytes)),
    multipliesPerSecond: most(() => library.measureMultiply(threads, plain)),
    bf16MultipliesPerSecond: most(() => library.measureMultiply(threads, level)),
  }
}

export { median, sizeBytes as limitSizeBytes }
