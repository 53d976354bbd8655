import type { Candidate } from '../cost-model.ts'
import { evaluateForm } from '../lp/linear-form.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import type { TierName } from '../problem/tier-amounts.ts'
import type { TierUse } from '../result/planned-policy.ts'
import { createPrediction, type PhasePrediction } from '../result/prediction.ts'
import { roundPercent } from '../result/round-percent.ts'
import { pathForm, peakForm } from './block-model.ts'
import { blockSize } from './flexgen-problem.ts'
import { decodePaths, type FlexgenResource, type LayerTerms, prefillPaths, type ResourcePath } from './layer-terms.ts'
import { percentOfShares, type Shares } from './shares.ts'
import type { SolvedBlock } from './solve-block.ts'

/** A solved block in the words of a plan. */
export function createCandidate(problem: PlanningProblem, block: SolvedBlock): Candidate {
  const { gpuBatchSize, numGpuBatches, model, shares } = block
  const { promptTokens, newTokens } = problem
  const layers = model.problem.shape.decoderLayers
  const percentExact = percentOfShares(shares)
  return {
    policy: {
      gpuBatchSize,
      numGpuBatches,
      percent: roundPercent(percentExact),
      percentExact,
      // The model knows no other way for KV that is not on the GPU.
      cpuCacheCompute: true,
      hostAttentionPercent: 100,
      compressWeight: model.problem.compressWeight,
      compressCache: false,
    },
    bytes: {
      device: tierUse(problem, block, 'device'),
      ram: tierUse(problem, block, 'ram'),
      disk: tierUse(problem, block, 'disk'),
    },
    predicted: createPrediction(
      { sequences: blockSize(block), promptTokens, newTokens },
      predictPhase(model.prefill, prefillPaths, shares, layers),
      predictPhase(model.decode, decodePaths, shares, layers),
    ),
  }
}

function predictPhase(
  terms: LayerTerms,
  paths: readonly ResourcePath[],
  shares: Shares,
  layers: number,
): PhasePrediction {
  const seconds = (path: ResourcePath): number => layers * evaluateForm(pathForm(terms, path), shares)
  // Of paths that are as long, as in a degenerate optimum, the last one binds: that of computation.
  const longest = paths.reduce((a, b) => (seconds(b) >= seconds(a) * (1 - 1e-6) ? b : a))
  const names = Object.keys(terms) as FlexgenResource[]
  return {
    seconds: Math.max(...paths.map(seconds)),
    secondsByResource: Object.fromEntries(names.map((name) => [name, seconds([name])])),
    bindingResource: longest.reduce((a, b) => (seconds([b]) > seconds([a]) ? b : a)),
  }
}

/** What a tier holds in the phase in which it holds most. */
function tierUse({ capacity }: PlanningProblem, { model, shares }: SolvedBlock, tier: TierName): TierUse {
  const total = (peak: (typeof peaks)[number]): number => evaluateForm(peakForm(peak), shares)
  const peaks = model.peaks.filter((peak) => peak.tier === tier)
  const most = peaks.reduce((a, b) => (total(b) > total(a) ? b : a))
  const bytes = (form: (typeof most.bytes)['weights']): number => Math.round(evaluateForm(form, shares))
  const parts = {
    weights: bytes(most.bytes.weights),
    cache: bytes(most.bytes.cache),
    activations: bytes(most.bytes.activations),
    staging: bytes(most.bytes.staging),
  }
  return {
    ...parts,
    total: parts.weights + parts.cache + parts.activations + parts.staging,
    allowed: Math.floor(model.problem.allowedBytes[tier]),
    capacity: capacity[tier],
  }
}
