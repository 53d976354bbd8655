import type { BatchSplit } from '../flexgen/flexgen-problem.ts'
import { evaluateForm } from '../lp/linear-form.ts'
import type { LinearSolver } from '../lp/linear-program.ts'
import type { EngineProblem } from './engine-problem.ts'
import { possibleReadWays } from './page-cache.ts'
import { type FoundLayout, hasLayout, isBetter, searchLayouts, tieShare } from './search-layouts.ts'
import { relaxedProgram, splitModel, type SplitModel } from './split-model.ts'

const batchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]
const batchCounts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]

/** Blocks of a job that are tried with all of them as large: the last of fewer sequences takes nearly as long as a full one. */
const alikeBlocks = [2, 3]

/** A batch split in the modes in which it may run, by what it could reach. */
interface Ranked {
  readonly models: readonly SplitModel[]
  /** Seconds that no layout of the split goes below, for one sequence. */
  readonly bound: number
}

/** What is searched for. */
export interface SearchWish {
  /** Only what takes less for a sequence counts. */
  readonly below?: number
  /** Whether the best of another gpu batch size is wanted too. */
  readonly runnerUp?: boolean
  /** Whether a smaller block is taken that is nearly as fast, where no job says how many sequences there are. */
  readonly prefersSmall?: boolean
}

/** What a smaller block may cost: it is done sooner, and holds less. */
const smallBlockCost = 1.03

/**
 * What fewer batches may cost: what a step takes of the host is measured by itself, and more in a run. On an H100 32 batches of 3
 * took 2.0 s a token where 1.15 were planned, 12 of 8 took 1.45.
 */
const fewBatchesCost = 1.03
/** Splits with fewer batches that are tried, the best first. */
const fewBatchesTried = 12

/** The best layouts: of all splits, and of all with another gpu batch size. */
export interface FoundSplits {
  readonly best: FoundLayout
  readonly runnerUp?: FoundLayout
}

/**
 * The fastest policy of several problems (with and without compression) over batch splits: splits are ranked by what
 * their linear relaxation could reach, and searched in that order until none is left that could be faster.
 */
export function searchEngineSplits(
  solver: LinearSolver,
  engines: readonly EngineProblem[],
  { below = Number.POSITIVE_INFINITY, runnerUp = false, prefersSmall = false }: SearchWish = {},
): FoundSplits | undefined {
  const ranked = engines.flatMap((engine) => rankSplits(solver, engine, below)).toSorted((a, b) => a.bound - b.bound)
  const fastest = searchRanked(ranked, below)
  if (fastest === undefined) return undefined
  const isJob = fastest.model.engine.problem.numPrompts !== undefined
  const smaller = isJob ? fewerBatches : prefersSmall ? smallerBlock : undefined
  const best = smaller?.(ranked, fastest) ?? fastest
  const isOther = ({ models }: Ranked): boolean => models[0]!.split.gpuBatchSize !== best.model.split.gpuBatchSize
  const second = runnerUp ? searchRanked(ranked.filter(isOther), below) : undefined
  return { best, ...(second === undefined ? {} : { runnerUp: second }) }
}

/** Whether the smallest block of a problem, or the one that is asked for, fits in any way. */
export function fitsSomehow(engine: EngineProblem): boolean {
  const { gpuBatchSize = 1, numGpuBatches = 1, percent } = engine.problem.fixed
  return hiddenModes(engine).some((hiddenOnDevice) => {
    const mode = { hostAttention: false, hiddenOnDevice, readWay: possibleReadWays(engine).at(-1)! }
    const model = splitModel(engine, { gpuBatchSize, numGpuBatches }, mode)
    return model !== undefined && hasLayout(model, percent)
  })
}

function searchRanked(ranked: readonly Ranked[], below: number): FoundLayout | undefined {
  let best: FoundLayout | undefined
  for (const { models, bound } of ranked) {
    // What could be faster in the ninth digit only is rounding in the solver.
    if (bound > (best === undefined ? below : secondsPerSequence(best) * (1 - 1e-8))) break
    for (const model of models) {
      const enough = best === undefined ? below : Math.min(below, secondsPerSequence(best))
      const found = searchLayouts(model, model.engine.problem.fixed.percent, enough / blocksPerSequence(model))
      if (found === undefined || secondsPerSequence(found) > below) continue
      if (best === undefined || isBetterSplit(found, best)) best = found
    }
  }
  return best
}

/** The smallest block that is nearly as fast as the fastest. */
function smallerBlock(ranked: readonly Ranked[], fastest: FoundLayout): FoundLayout {
  const sizeOf = ({ split }: SplitModel): number => split.gpuBatchSize * split.numGpuBatches
  return nearlyAsFast(ranked, fastest, smallBlockCost, sizeOf)
}

/**
 * Of what is nearly as fast as the fastest, what has the fewest batches: the host hands over less. Where the host does not attend it
 * does not begin to: that hands over more. On an H100 a step of 24 sequences took 0.081 s instead of 0.028 with a twentieth of the KV there.
 */
function fewerBatches(ranked: readonly Ranked[], fastest: FoundLayout): FoundLayout {
  const batchesOf = ({ split }: SplitModel): number => split.numGpuBatches
  const { hostAttention } = fastest.model.mode
  const fewer = ranked.filter(
    ({ models: [model] }) =>
      batchesOf(model!) < batchesOf(fastest.model) && (hostAttention || !model!.mode.hostAttention),
  )
  return nearlyAsFast(fewer.slice(0, fewBatchesTried), fastest, fewBatchesCost, batchesOf)
}

/** The least by a measure of what takes at most so many times as long as the fastest. */
function nearlyAsFast(
  ranked: readonly Ranked[],
  fastest: FoundLayout,
  cost: number,
  sizeOf: (model: SplitModel) => number,
): FoundLayout {
  const enough = secondsPerSequence(fastest) * cost
  const smaller = ranked
    .filter(({ models, bound }) => bound <= enough && sizeOf(models[0]!) < sizeOf(fastest.model))
    .toSorted((a, b) => sizeOf(a.models[0]!) - sizeOf(b.models[0]!) || a.bound - b.bound)
  for (const candidate of smaller) {
    const found = searchRanked([candidate], enough)
    if (found !== undefined) return found
  }
  return fastest
}

function isBetterSplit(a: FoundLayout, b: FoundLayout): boolean {
  const difference = secondsPerSequence(a) / secondsPerSequence(b) - 1
  if (Math.abs(difference) > tieShare) return difference < 0
  // As fast: the smaller block first, since it is done sooner.
  const size = ({ model: { split } }: FoundLayout): number => split.gpuBatchSize * split.numGpuBatches
  return size(a) === size(b) ? isBetter(a, b) : size(a) < size(b)
}

/** Seconds of a job, or of a block where no job is given, by its sequences. */
export function secondsPerSequence({ model, blockSeconds }: FoundLayout): number {
  return blockSeconds * blocksPerSequence(model)
}

function blocksPerSequence({ split, engine }: SplitModel): number {
  const block = split.gpuBatchSize * split.numGpuBatches
  const { numPrompts } = engine.problem
  return numPrompts === undefined ? 1 / block : Math.ceil(numPrompts / block) / numPrompts
}

function rankSplits(solver: LinearSolver, engine: EngineProblem, below: number): Ranked[] {
  return listSplits(engine).flatMap((split) =>
    attentionModes(engine).flatMap((hostAttention) => {
      const models = hiddenModes(engine).flatMap((hiddenOnDevice) =>
        possibleReadWays(engine).flatMap(
          (readWay) => splitModel(engine, split, { hostAttention, hiddenOnDevice, readWay }) ?? [],
        ),
      )
      if (models.length === 0) return []
      const perSequence = blocksPerSequence(models[0]!)
      // Hidden states that need no room and never move: no mode of the two is faster.
      const relaxed = relaxedProgram(models)
      if (relaxed.leastSeconds * perSequence > below) return []
      const outcome = solver.solve(relaxed.program)
      if (outcome.status === 'infeasible') return []
      const cost = evaluateForm(relaxed.program.minimize, outcome.values)
      return [{ models, bound: relaxed.seconds(cost) * perSequence }]
    }),
  )
}

function listSplits({ problem: { fixed, numPrompts } }: EngineProblem): BatchSplit[] {
  const sizes = fixed.gpuBatchSize === undefined ? batchSizes : [fixed.gpuBatchSize]
  const counts = fixed.numGpuBatches === undefined ? batchCounts : [fixed.numGpuBatches]
  const all = counts.flatMap((numGpuBatches) => sizes.map((gpuBatchSize) => ({ gpuBatchSize, numGpuBatches })))
  if (numPrompts === undefined || fixed.gpuBatchSize !== undefined) return all
  // A job in one block, or in a few that are alike, and none of which most would be empty.
  const counted = counts.map((numGpuBatches) => ({
    gpuBatchSize: Math.ceil(numPrompts / numGpuBatches),
    numGpuBatches,
  }))
  const alike = (fixed.numGpuBatches === undefined ? alikeBlocks : []).flatMap((blocks) =>
    sizes.map((gpuBatchSize) => ({ gpuBatchSize, numGpuBatches: Math.ceil(numPrompts / blocks / gpuBatchSize) })),
  )
  const known = new Set(all.map(({ gpuBatchSize, numGpuBatches }) => `${gpuBatchSize} ${numGpuBatches}`))
  const whole = [...counted, ...alike.filter((split) => !known.has(`${split.gpuBatchSize} ${split.numGpuBatches}`))]
  const largest = Math.max(...sizes)
  // A batch of more sequences than there are is one of as many as there are.
  const useful = [...all, ...whole.filter(({ gpuBatchSize }) => gpuBatchSize <= largest)].filter(
    ({ gpuBatchSize, numGpuBatches }, at) =>
      gpuBatchSize * (numGpuBatches - 1) < numPrompts && (gpuBatchSize <= numPrompts || at >= all.length),
  )
  return useful.length > 0 ? useful : all
}

function attentionModes(engine: EngineProblem): boolean[] {
  return engine.host === undefined ? [false] : [false, true]
}

/** Whether hidden states stay on the device. */
function hiddenModes({ problem, isHost }: EngineProblem): boolean[] {
  const { percent } = problem.fixed
  if (percent !== undefined) return [percent[4] === 100]
  return isHost ? [true] : [true, false]
}
