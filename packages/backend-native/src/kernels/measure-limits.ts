import { availableParallelism } from 'node:os'
import { createPageMemory } from '@flexgen/backend-kit'
import { BackendUnavailableError } from '@flexgen/spec'
import { findLibrary } from '../library/find-library.ts'
import { loadKoffi } from '../library/koffi-library.ts'
import { loadLibrary } from '../library/native-library.ts'

/** What the machine can do at most, by the threads and the instruction set of the kernels. */
export interface HostLimits {
  readonly level: string
  readonly threads: number
  /** Of one pass over memory that no cache holds. */
  readonly readBytesPerSecond: number
  /** Products of float32 numbers that are added to sums in registers. */
  readonly multipliesPerSecond: number
  /** The same with pairs of bfloat16; where the processor has none, the figure above. */
  readonly pairMultipliesPerSecond: number
}

const sizeBytes = 512 * 2 ** 20
const passes = 7

/**
 * Measures the limits: the best of some passes, since others may use the machine at the same time. It takes about two
 * seconds, in which JavaScript is blocked: for benchmarks.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where the host kernels cannot run
 */
export async function measureHostLimits(threads: number = availableParallelism()): Promise<HostLimits> {
  const koffi = await loadKoffi()
  const library = loadLibrary(koffi, (await findLibrary()).path)
  const context = library.open(threads, 1, process.env['FLEXGEN_NATIVE_LEVEL'] || null)
  if (context === null || context === 0n)
    throw new BackendUnavailableError('the system refused threads for the host kernels')
  const level = library.levelName(context)
  library.close(context)
  const memory = createPageMemory(koffi).map(sizeBytes)
  try {
    new Uint8Array(memory.buffer).fill(1)
    const most = (measure: () => number): number => Math.max(...Array.from({ length: passes }, measure))
    // Products of these levels are of pairs.
    const plain = level === 'amx' || level === 'avx512-bf16' ? 'avx512' : level
    return {
      level,
      threads,
      readBytesPerSecond: most(() =>
        library.measureRead(threads, plain, Number(koffi.address(memory.buffer)), sizeBytes),
      ),
      multipliesPerSecond: most(() => library.measureMultiply(threads, plain)),
      pairMultipliesPerSecond: most(() => library.measureMultiply(threads, level)),
    }
  } finally {
    memory.unmap()
  }
}
