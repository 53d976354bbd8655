import { describe, expect, it } from 'vitest'
import { layerSeconds } from '../src/flexgen/block-model.ts'
import type { BatchSplit } from '../src/flexgen/flexgen-problem.ts'
import { optimalCorners } from '../src/flexgen/optimal-corners.ts'
import { fastest, searchSplits } from '../src/flexgen/search-split.ts'
import { percentOfShares, sharesOf } from '../src/flexgen/shares.ts'
import { evaluateBlock, solveBlock, type SolvedBlock } from '../src/flexgen/solve-block.ts'
import { createLinearSolver } from '../src/lp/create-linear-solver.ts'
import type { Percent } from '../src/result/planned-policy.ts'
import { problemOf, readFixture, type SearchCase } from './support/golden.ts'

/** An answer of the original script; without a split where nothing fits. */
interface OriginalCase extends SearchCase {
  readonly gbs?: number
  readonly nb?: number
  readonly percent?: Percent
  readonly percentExact: readonly number[]
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  readonly infeasible?: boolean
  /** Splits that are as fast, where there are several. */
  readonly equals?: number
}

const { cases } = readFixture<{ cases: readonly OriginalCase[] }>('original-searches.json')
const solver = await createLinearSolver()

interface Answer {
  readonly block: SolvedBlock | undefined
  /** How many splits were solved for it. */
  readonly solved: number
}
const answers = new Map<OriginalCase, Answer>()

function search(each: OriginalCase): Answer {
  const known = answers.get(each)
  if (known !== undefined) return known
  const problem = problemOf(each)
  let solved = 0
  const solve = (split: BatchSplit): SolvedBlock | undefined => {
    solved += 1
    return each.percent === undefined
      ? solveBlock(solver, problem, split)
      : evaluateBlock(problem, split, sharesOf(each.percent))
  }
  const block = fastest(searchSplits(solve, { gpuBatchSize: each.gbs, numGpuBatches: each.nb }))
  answers.set(each, { block, solved })
  return { block, solved }
}

const title = '$model $promptLen/$genLen on $gpuMemGiB/$cpuMemGiB/$nvmeMemGiB'
const feasible = cases.filter((each) => each.infeasible !== true)

describe('the original script', () => {
  it.each(feasible)(`finds the same for ${title}`, (each) => {
    const { block, solved } = search(each)
    const { gpuBatchSize, numGpuBatches, blockSeconds, model } = block!
    // Where splits are as fast the original takes one by the last digit that is printed, and this the first.
    if (each.equals === undefined) {
      expect([gpuBatchSize, numGpuBatches]).toEqual([each.gpuBatchSize, each.numGpuBatches])
      const { prefill, decode } = layerSeconds(model, block!.shares)
      const layers = model.problem.shape.decoderLayers
      expect((prefill * layers) / each.prefillSeconds).toBeCloseTo(1, 5)
      const decodeSeconds = decode * layers * (each.genLen - 1)
      expect((1 + decodeSeconds) / (1 + each.decodeSeconds)).toBeCloseTo(1, 5)
    }
    const tokensPerSecond = (gpuBatchSize * numGpuBatches * each.genLen) / blockSeconds
    expect(tokensPerSecond / each.tokensPerSecond).toBeCloseTo(1, 6)
    // At under a millisecond each: what the search may take of its 2 s.
    expect(solved).toBeLessThan(400)
  })

  const isOnePoint = (each: OriginalCase): boolean => each.genLen === 1 || each.percent !== undefined
  it.each(feasible.filter((each) => each.equals === undefined && !isOnePoint(each)))(
    `has its shares among the corners for ${title}`,
    (each) => {
      const distances = optimalCorners(solver, search(each).block!).map((corner) =>
        Math.max(...percentOfShares(corner).map((share, i) => Math.abs(share - each.percentExact[i]!))),
      )
      expect(Math.min(...distances)).toBeLessThan(0.1)
    },
  )

  it.each(cases.filter((each) => each.infeasible === true))(`finds nothing either for ${title}`, (each) => {
    expect(search(each).block).toBeUndefined()
  })

  it('is asked enough', () => {
    expect(feasible.filter((each) => each.equals === undefined).length).toBeGreaterThan(45)
  })
})
