import { UsageError } from '@flexgen/spec'
import type { Candidate, CostModel, CostModelAnswer } from '../cost-model.ts'
import type { LinearSolver } from '../lp/linear-program.ts'
import { modelShape } from '../problem/model-shape.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import { mapTiers, type TierAmounts } from '../problem/tier-amounts.ts'
import { blockModel, blockSeconds } from './block-model.ts'
import { createCandidate } from './create-candidate.ts'
import { flexgenConstants } from './constants-of-profile.ts'
import { type BatchSplit, blockSize, type FlexgenProblem } from './flexgen-problem.ts'
import { findLacks } from './find-lacks.ts'
import { optimalCorners } from './optimal-corners.ts'
import { fastest, searchSplits } from './search-split.ts'
import { sharesOf } from './shares.ts'
import { evaluateBlock, solveBlock, type SolvedBlock } from './solve-block.ts'

/** `alpha`: the share of a capacity that the original's search plans for. */
const searchMargin = 0.8

/** For a policy that is given whole the original advises more than all, since its peaks are estimates. */
const fixedMargin = 1.2

/**
 * FlexGen's own cost model and policy search (experimental/cost_model.py): its equations, its order of search and, with
 * the profile `flexgen-t4`, its constants. It streams no KV to the GPU (attention over KV elsewhere runs on the host),
 * ignores embeddings, and counts 4-bit weights at a quarter of their bytes.
 */
export function createFlexgenCostModel(solver: LinearSolver): CostModel {
  const search = (problem: PlanningProblem): SolvedBlock[] => {
    const { allowCompression, compressWeight } = problem
    const wide = searchOne(problem)
    return allowCompression && !compressWeight ? [...wide, ...searchOne({ ...problem, compressWeight: true })] : wide
  }
  const searchOne = (problem: PlanningProblem): SolvedBlock[] => {
    const flexgen = describe(problem)
    const { percent, gpuBatchSize, numGpuBatches } = problem.fixed
    const isSplitFixed = gpuBatchSize !== undefined || numGpuBatches !== undefined
    const most = isSplitFixed ? undefined : problem.numPrompts
    const shares = percent === undefined ? undefined : sharesOf(percent)
    const solve = (split: BatchSplit): SolvedBlock | undefined => {
      if (most !== undefined && blockSize(split) > most) return undefined
      return shares === undefined ? solveBlock(solver, flexgen, split) : evaluateBlock(flexgen, split, shares)
    }
    return searchSplits(solve, problem.fixed)
  }

  return {
    name: 'flexgen',
    plan(problem): CostModelAnswer {
      checkProblem(problem)
      const found = search(problem)
      const best = fastest(found)
      if (best === undefined) {
        return { feasible: false, ...findLacks(solver, describe(problem), problem.fixed, marginOf(problem)) }
      }
      const [first, ...others] = allAsFast(solver, problem, best)
      const runnerUp = fastest(found.filter(({ gpuBatchSize }) => gpuBatchSize !== best.gpuBatchSize))
      return {
        feasible: true,
        best: first,
        ...(runnerUp === undefined ? {} : { runnerUp: allAsFast(solver, problem, runnerUp)[0] }),
        alternatives: others.toSorted(byDiskThenMoved),
      }
    },
    bestTokensPerSecond(problem) {
      checkProblem(problem)
      const best = fastest(search(problem))
      return best === undefined ? undefined : (blockSize(best) * problem.newTokens) / best.blockSeconds
    },
    blockSeconds(problem, { gpuBatchSize, percentExact, compressWeight }, sequences) {
      const split = {
        gpuBatchSize: Math.min(gpuBatchSize, sequences),
        numGpuBatches: Math.ceil(sequences / gpuBatchSize),
      }
      return blockSeconds(blockModel(describe({ ...problem, compressWeight }), split), sharesOf(percentExact))
    },
  }
}

/** A solved block as candidates: the policy first, then the others that are as fast. */
function allAsFast(solver: LinearSolver, problem: PlanningProblem, block: SolvedBlock): [Candidate, ...Candidate[]] {
  const corners = problem.fixed.percent === undefined ? optimalCorners(solver, block) : []
  const [first = block.shares, ...others] = corners
  return [
    createCandidate(problem, { ...block, shares: first }),
    ...others.map((shares) => createCandidate(problem, { ...block, shares })),
  ]
}

function byDiskThenMoved(a: Candidate, b: Candidate): number {
  const moved = ({ bytes }: Candidate): number => bytes.ram.weights + bytes.disk.weights
  return a.bytes.disk.total - b.bytes.disk.total || moved(a) - moved(b)
}

/** The problem in FlexGen's terms. */
function describe(problem: PlanningProblem): FlexgenProblem {
  const { promptTokens, newTokens, compressWeight, capacity } = problem
  const margin = marginOf(problem)
  return {
    shape: modelShape(problem.model),
    promptTokens,
    newTokens,
    constants: flexgenConstants(problem.hardware),
    allowedBytes: mapTiers(capacity, (bytes, tier) => bytes * margin[tier]),
    compressWeight,
  }
}

function marginOf({ margin, fixed }: PlanningProblem): TierAmounts {
  if (margin !== undefined) return margin
  const isWhole = fixed.percent !== undefined && fixed.gpuBatchSize !== undefined && fixed.numGpuBatches !== undefined
  const share = isWhole ? fixedMargin : searchMargin
  return { device: share, ram: share, disk: share }
}

function checkProblem({ fixed, compressCache }: PlanningProblem): void {
  if (compressCache) {
    throw new UsageError('the cost model flexgen does not describe a KV cache of 4 bits', {
      hint: 'use --cost-model engine, or leave --compress-cache out',
    })
  }
  const { percent } = fixed
  if (percent !== undefined && percent[4] + percent[5] !== 100) {
    throw new UsageError(
      `the cost model flexgen keeps activations off the disk, --percent gives it ${100 - percent[4] - percent[5]} %`,
      { hint: 'let the last two percents make 100, or use --cost-model engine' },
    )
  }
}
