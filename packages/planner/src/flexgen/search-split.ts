import type { BatchSplit } from './flexgen-problem.ts'

/** A batch split with its best shares. */
export interface SplitResult extends BatchSplit {
  /** Seconds of a block. */
  readonly blockSeconds: number
}

/** Finds the best shares of a split; undefined where nothing fits. */
export type SolveSplit<Result extends SplitResult> = (split: BatchSplit) => Result | undefined

/** Parts of the split that the user has chosen. */
export interface FixedSplit {
  readonly gpuBatchSize?: number | undefined
  readonly numGpuBatches?: number | undefined
}

/**
 * FlexGen's own search (`solve` in cost_model.py): GPU batch sizes 1, 2, 3, 4, 8, 16, ...; for each, numbers of GPU
 * batches from 1 until throughput falls or nothing fits; ends at the first size of which not one batch fits. Gives the
 * best of every GPU batch size, in that order.
 *
 * Where several splits are as fast the first is the best. (The original compares what its solver prints, eight digits,
 * so that with all on the GPU, where every split is as fast, the rounding of the last digit chooses.)
 */
export function searchSplits<Result extends SplitResult>(solve: SolveSplit<Result>, fixed: FixedSplit = {}): Result[] {
  const bestOfSizes: Result[] = []
  for (const gpuBatchSize of fixed.gpuBatchSize === undefined ? batchSizes() : [fixed.gpuBatchSize]) {
    const best =
      fixed.numGpuBatches === undefined
        ? bestNumber(gpuBatchSize, solve)
        : solve({ gpuBatchSize, numGpuBatches: fixed.numGpuBatches })
    if (best === undefined) break
    bestOfSizes.push(best)
  }
  return bestOfSizes
}

/** The fastest of several, the first of equals. */
export function fastest<Result extends SplitResult>(results: readonly Result[]): Result | undefined {
  return results.reduce<Result | undefined>(
    (best, result) => (best === undefined || rate(result) > rate(best) * (1 + equalWithin) ? result : best),
    undefined,
  )
}

/** Throughputs that differ less are equal: what the original's eight digits cannot tell apart. */
const equalWithin = 1e-7

/** A fall in throughput beyond what the solver's rounding can make. */
const clearFall = 1 - 1e-9

/** Sequences a second. */
function rate({ gpuBatchSize, numGpuBatches, blockSeconds }: SplitResult): number {
  return (gpuBatchSize * numGpuBatches) / blockSeconds
}

function* batchSizes(): Generator<number, never, void> {
  for (let size = 1; ; size = size < 4 ? size + 1 : 2 * size) yield size
}

/**
 * The best number of batches of a size; undefined where not even one fits. Throughput rises, may stay, and then falls
 * for good, because a block's least time is convex in its size; so the last number before it falls is found by doubling
 * and halving, and then the first number that is as fast.
 */
function bestNumber<Result extends SplitResult>(gpuBatchSize: number, solve: SolveSplit<Result>): Result | undefined {
  const solved = new Map<number, Result | undefined>()
  const at = (numGpuBatches: number): Result | undefined => {
    if (!solved.has(numGpuBatches)) solved.set(numGpuBatches, solve({ gpuBatchSize, numGpuBatches }))
    return solved.get(numGpuBatches)
  }
  const isBeforeFall = (number: number): boolean => {
    const here = at(number)
    const before = here === undefined || number === 1 ? here : at(number - 1)
    return here !== undefined && before !== undefined && rate(here) >= rate(before) * clearFall
  }
  if (at(1) === undefined) return undefined
  const last = lastWhere(isBeforeFall)
  const enough = rate(at(last)!) * (1 - equalWithin)
  return at(lastWhere((number) => number < last && rate(at(number)!) < enough) + 1)
}

/** The last whole number above 0 for which a condition holds that holds up to some number only; 0 where for none. */
function lastWhere(holds: (number: number) => boolean): number {
  let found = 0
  let step = 1
  while (holds(found + step)) {
    found += step
    step *= 2
  }
  for (step /= 2; step >= 1; step /= 2) if (holds(found + step)) found += step
  return found
}
