import type { CostModel, CostModelAnswer } from '../cost-model.ts'
import type { LinearSolver } from '../lp/linear-program.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import { mapTiers, type TierAmounts } from '../problem/tier-amounts.ts'
import { findLacks } from './find-lacks.ts'
import { engineProblem, type EngineProblem } from './engine-problem.ts'
import { type RealisedCandidate, realise } from './realise-candidate.ts'
import { type FoundSplits, fitsSomehow, searchEngineSplits, type SearchWish } from './search-splits.ts'

/** Room for what the estimates of workspaces and the process itself leave out. */
const defaultMargin: TierAmounts = { device: 0.95, ram: 0.95, disk: 1 }

/** Tries with less memory, where error diffusion has dealt a tier more than the search counts with. */
const tightenings: readonly number[] = [1, 0.99, 0.97, 0.93, 0.85]

/**
 * A model of this engine: weights, KV and hidden states as it places them, all links and kernels busy beside each
 * other through the whole sweep, and the times of a hardware profile. Bytes are the engine's own plan.
 */
export function createEngineCostModel(solver: LinearSolver): CostModel {
  return {
    name: 'engine',
    plan(problem): CostModelAnswer {
      const found = search(solver, problem, { runnerUp: true, prefersSmall: true })
      const enough = (capacity: TierAmounts): boolean => listEngines({ ...problem, capacity }).some(fitsSomehow)
      if (found === undefined) return { feasible: false, ...findLacks(problem.capacity, enough) }
      const { best, runnerUp } = found
      return {
        feasible: true,
        best: best.candidate,
        ...(runnerUp === undefined ? {} : { runnerUp: runnerUp.candidate }),
        alternatives: [],
      }
    },
    bestTokensPerSecond(problem, above) {
      const below = above === undefined ? {} : { below: problem.newTokens / above }
      // Of a job the whole time counts, not the throughput of one block.
      return search(solver, problem, problem.numPrompts === undefined ? below : {})?.best.candidate.predicted
        .totalTokensPerSecond
    },
    blockSeconds(problem, policy, sequences) {
      const { percentExact, compressWeight, compressCache } = policy
      const gpuBatchSize = Math.min(policy.gpuBatchSize, sequences)
      const fixed = { percent: percentExact, gpuBatchSize, numGpuBatches: Math.ceil(sequences / gpuBatchSize) }
      const engine = engineProblem(
        { ...problem, numPrompts: sequences, fixed },
        allowedBytes(problem),
        compressWeight,
        compressCache,
      )
      const found = engine === undefined ? undefined : searchEngineSplits(solver, [engine])
      return found?.best.blockSeconds ?? Number.NaN
    },
  }
}

interface FoundCandidates {
  readonly best: RealisedCandidate
  readonly runnerUp?: RealisedCandidate
}

/** The best policies whose exact plan fits, too. */
function search(solver: LinearSolver, problem: PlanningProblem, wish: SearchWish): FoundCandidates | undefined {
  for (const share of tightenings) {
    const engines = listEngines(problem, share)
    const found: FoundSplits | undefined = searchEngineSplits(solver, engines, wish)
    if (found === undefined) return undefined
    const best = realise(found.best, allowedBytes(problem))
    const runnerUp = found.runnerUp === undefined ? undefined : realise(found.runnerUp, allowedBytes(problem))
    if (best.fits) return { best, ...(runnerUp?.fits === true && { runnerUp }) }
  }
  return undefined
}

/** The problem with what may be compressed compressed and not. */
function listEngines(problem: PlanningProblem, share = 1): EngineProblem[] {
  const either = (isSet: boolean): boolean[] => (problem.allowCompression && !isSet ? [false, true] : [isSet])
  const allowed = mapTiers(allowedBytes(problem), (bytes) => bytes * share)
  return either(problem.compressWeight).flatMap((weight) =>
    either(problem.compressCache).flatMap((cache) => engineProblem(problem, allowed, weight, cache) ?? []),
  )
}

/** What may be planned for; weights that lie in files of a checkpoint take no room of the disk. */
function allowedBytes({ capacity, margin = defaultMargin, layouts, model }: PlanningProblem): TierAmounts {
  const inFiles = layouts === undefined || layouts.weightsAreScratch ? 0 : 4 * model.facts.parameters + 2 ** 30
  return mapTiers(capacity, (bytes, tier) => bytes * margin[tier] + (tier === 'disk' ? inFiles : 0))
}
