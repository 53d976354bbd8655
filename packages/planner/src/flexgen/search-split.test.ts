import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FixedSplit, fastest, searchSplits, type SolveSplit, type SplitResult } from './search-split.ts'

/** The original's loops as they stand, one number of batches after the other, with equals told apart as here. */
function searchOneByOne(solve: SolveSplit<SplitResult>): SplitResult | undefined {
  const rate = ({ gpuBatchSize, numGpuBatches, blockSeconds }: SplitResult): number =>
    (gpuBatchSize * numGpuBatches) / blockSeconds
  const found: SplitResult[] = []
  for (let gpuBatchSize = 1; ; gpuBatchSize = gpuBatchSize < 4 ? gpuBatchSize + 1 : 2 * gpuBatchSize) {
    let previous = 0
    if (solve({ gpuBatchSize, numGpuBatches: 1 }) === undefined) break
    for (let numGpuBatches = 1; ; numGpuBatches++) {
      const result = solve({ gpuBatchSize, numGpuBatches })
      if (result === undefined || rate(result) < previous * (1 - 1e-9)) break
      previous = rate(result)
      found.push(result)
    }
  }
  const best = Math.max(...found.map(rate))
  return found.find((result) => rate(result) >= best * (1 - 1e-7))
}

/** A block that costs `fixed` once, `each` a sequence, and more from where memory runs out. */
const costs = fc.record({
  fixed: fc.double({ min: 0, max: 100, noNaN: true }),
  each: fc.double({ min: 0.01, max: 1, noNaN: true }),
  full: fc.integer({ min: 1, max: 300 }),
  beyond: fc.constantFrom(0, 0.5, 5),
  most: fc.integer({ min: 1, max: 600 }),
})

describe('searchSplits', () => {
  it("finds what the original's loops find", () => {
    fc.assert(
      fc.property(costs, ({ fixed, each, full, beyond, most }) => {
        const solve: SolveSplit<SplitResult> = (split) => {
          const block = split.gpuBatchSize * split.numGpuBatches
          if (block > most) return undefined
          return { ...split, blockSeconds: fixed + each * block + beyond * Math.max(0, block - full) }
        }
        const [best, want] = [fastest(searchSplits(solve)), searchOneByOne(solve)]
        if (want === undefined || best === undefined) expect(best).toEqual(want)
        else {
          const throughput = (result: SplitResult): number =>
            (result.gpuBatchSize * result.numGpuBatches) / result.blockSeconds
          expect(Math.abs(throughput(best) / throughput(want) - 1)).toBeLessThan(3e-7)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('takes the first of splits that are as fast', () => {
    const flat: SolveSplit<SplitResult> = (split) => {
      const block = split.gpuBatchSize * split.numGpuBatches
      return block > 5000 ? undefined : { ...split, blockSeconds: block < 8 ? 8 : block / (1 + (block % 3) * 1e-12) }
    }
    expect(fastest(searchSplits(flat))).toMatchObject({ gpuBatchSize: 1, numGpuBatches: 8 })
  })

  const linear: SolveSplit<SplitResult> = (split) => {
    const block = split.gpuBatchSize * split.numGpuBatches
    return block > 100 ? undefined : { ...split, blockSeconds: 10 + block }
  }
  it.each<[FixedSplit, number[]]>([
    [{}, [1, 100]],
    [{ gpuBatchSize: 7 }, [7, 14]],
    [{ numGpuBatches: 6 }, [16, 6]],
    [{ gpuBatchSize: 5, numGpuBatches: 3 }, [5, 3]],
  ])('keeps what is fixed: %j', (fixed, want) => {
    const best = fastest(searchSplits(linear, fixed))!
    expect([best.gpuBatchSize, best.numGpuBatches]).toEqual(want)
  })

  it('finds nothing where nothing fits', () => {
    expect(searchSplits(() => undefined)).toEqual([])
    expect(searchSplits(linear, { gpuBatchSize: 101 })).toEqual([])
  })
})
