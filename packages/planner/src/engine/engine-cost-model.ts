import type { Candidate, CostModel, CostModelAnswer } from '../cost-model.ts'
import { evaluateForm } from '../lp/linear-form.ts'
import type { LinearSolver } from '../lp/linear-program.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import { mapTiers, type TierAmounts } from '../problem/tier-amounts.ts'
import { createPrediction, type PhasePrediction } from '../result/prediction.ts'
import { findLacks } from './find-lacks.ts'
import { layoutBytes } from './engine-memory.ts'
import { engineProblem, type EngineProblem } from './engine-problem.ts'
import type { EngineShares } from './engine-shares.ts'
import type { FoundLayout } from './search-layouts.ts'
import { realiseLayout } from './realise-layout.ts'
import { fitsSomehow, searchEngineSplits } from './search-splits.ts'
import { sweepPaths } from './split-model.ts'
import { type EngineResource, engineResources, type SweepTerms } from './sweep-terms.ts'

/** Room for what the estimates of workspaces and the process itself leave out. */
const defaultMargin: TierAmounts = { device: 0.95, ram: 0.95, disk: 1 }

/**
 * A model of this engine: weights, KV and hidden states as it places them, all links and kernels busy beside each
 * other through the whole sweep, and the times of a hardware profile.
 */
export function createEngineCostModel(solver: LinearSolver): CostModel {
  return {
    name: 'engine',
    plan(problem): CostModelAnswer {
      const found = searchEngineSplits(solver, listEngines(problem), { runnerUp: true })
      const enough = (capacity: TierAmounts): boolean => listEngines({ ...problem, capacity }).some(fitsSomehow)
      if (found === undefined) return { feasible: false, ...findLacks(problem.capacity, enough) }
      return {
        feasible: true,
        best: createCandidate(found.best),
        ...(found.runnerUp === undefined ? {} : { runnerUp: createCandidate(found.runnerUp) }),
        alternatives: [],
      }
    },
    bestTokensPerSecond(problem, above) {
      const below = above === undefined ? {} : { below: problem.newTokens / above }
      // Of a job the whole time counts, not the throughput of one block.
      const found = searchEngineSplits(solver, listEngines(problem), problem.numPrompts === undefined ? below : {})
      return found === undefined ? undefined : createCandidate(found.best).predicted.totalTokensPerSecond
    },
    blockSeconds(problem, policy, sequences) {
      const { percentExact, compressWeight, compressCache } = policy
      const gpuBatchSize = Math.min(policy.gpuBatchSize, sequences)
      const fixed = { percent: percentExact, gpuBatchSize, numGpuBatches: Math.ceil(sequences / gpuBatchSize) }
      const engine = engineProblem(
        { ...problem, numPrompts: undefined, fixed },
        allowedBytes(problem),
        compressWeight,
        compressCache,
      )
      const found = searchEngineSplits(solver, [engine])
      return found?.best.blockSeconds ?? Number.NaN
    },
  }
}

/** The problem with what may be compressed compressed and not. */
function listEngines(problem: PlanningProblem): EngineProblem[] {
  const either = (isSet: boolean): boolean[] => (problem.allowCompression && !isSet ? [false, true] : [isSet])
  return either(problem.compressWeight).flatMap((weight) =>
    either(problem.compressCache).map((cache) => engineProblem(problem, allowedBytes(problem), weight, cache)),
  )
}

function allowedBytes({ capacity, margin = defaultMargin }: PlanningProblem): TierAmounts {
  return mapTiers(capacity, (bytes, tier) => bytes * margin[tier])
}

/** A layout in the words of a plan. */
function createCandidate(found: FoundLayout): Candidate {
  const { model, shares, percent, hostAttentionPercent, isAhead } = found
  const { engine, split, prefill, decode, block } = model
  const { promptTokens, newTokens } = engine.problem
  return {
    policy: {
      ...split,
      percent,
      percentExact: percent,
      cpuCacheCompute: hostAttentionPercent > 0,
      hostAttentionPercent,
      compressWeight: engine.compressWeight,
      compressCache: engine.compressCache,
    },
    bytes: layoutBytes(engine, block, realiseLayout(found)),
    predicted: createPrediction(
      { sequences: split.gpuBatchSize * split.numGpuBatches, promptTokens, newTokens },
      predictPhase(prefill, shares, isAhead),
      predictPhase(decode, shares, isAhead),
    ),
  }
}

function predictPhase(terms: SweepTerms, shares: EngineShares, isAhead: boolean): PhasePrediction {
  const entries = engineResources.map((name): [EngineResource, number] => [
    name,
    evaluateForm(terms.resources[name], shares),
  ])
  const [bindingResource] = entries.reduce((a, b) => (b[1] > a[1] ? b : a))
  const longest = Math.max(...sweepPaths(terms, isAhead).map((form) => evaluateForm(form, shares)))
  return {
    seconds: longest + terms.fixed,
    secondsByResource: Object.fromEntries(entries),
    bindingResource,
  }
}
