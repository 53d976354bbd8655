import type { RunPlan } from '@flexgen/core'
import type { Candidate } from '../cost-model.ts'
import { evaluateForm } from '../lp/linear-form.ts'
import type { TierAmounts } from '../problem/tier-amounts.ts'
import { createPrediction, type PhasePrediction } from '../result/prediction.ts'
import { blockSequences } from './block-bytes.ts'
import { fits } from './engine-memory.ts'
import type { EngineShares } from './engine-shares.ts'
import { exactBytes, layOutExactly } from './exact-plan.ts'
import type { FoundLayout } from './search-layouts.ts'
import { sweepPaths } from './split-model.ts'
import { type EngineResource, engineResources, type SweepTerms } from './sweep-terms.ts'

/** A candidate as the engine would run it. */
export interface RealisedCandidate {
  readonly candidate: Candidate
  /** Whether the engine's own plan keeps within what is allowed. */
  readonly fits: boolean
}

/** A layout in the words of a plan: with the bytes of the engine's plan, and times for what is really where. */
export function realise(found: FoundLayout, allowed: TierAmounts): RealisedCandidate {
  const { model, percent, hostAttentionPercent, isAhead } = found
  const { engine: searched, split, prefill } = model
  const engine = { ...searched, allowedBytes: allowed }
  const { promptTokens, newTokens } = engine.problem
  const laidOut = layOutExactly(engine, { split, percent, hostAttentionPercent })
  const bytes = exactBytes(engine, laidOut)
  const shares = realShares(found, laidOut.plan.weights)
  const decode = laidOut.block.decodeBatchRows > split.gpuBatchSize ? model.decode : model.apart
  const candidate: Candidate = {
    policy: {
      ...split,
      percent,
      percentExact: percent,
      cpuCacheCompute: hostAttentionPercent > 0,
      hostAttentionPercent,
      compressWeight: engine.compressWeight,
      compressCache: engine.compressCache,
    },
    bytes,
    runBytes: runBytes(engine.isHost, laidOut.plan),
    predicted: createPrediction(
      { sequences: blockSequences(engine, split).block, promptTokens, newTokens },
      predictPhase(prefill, shares, isAhead),
      predictPhase(decode, shares, isAhead),
    ),
  }
  return { candidate, fits: fits(bytes) }
}

/** Scratch for loading is gone by the time that tokens are made; the ring stays. */
function runBytes(isHost: boolean, { ram, deviceBytes, diskBytes, weightRingBytes }: RunPlan): TierAmounts {
  const staging = isHost ? weightRingBytes : ram.weightStaging
  return { device: deviceBytes, ram: ram.total - ram.weightStaging + staging, disk: diskBytes }
}

/** The shares with weights where whole tensors and row blocks have put them. */
function realShares(
  { model, shares }: FoundLayout,
  weights: { readonly device: number; readonly ram: number; readonly disk: number },
): EngineShares {
  const { matrixBytes, vectorBytes } = model.engine.weights
  return {
    ...shares,
    wd: Math.max(0, weights.device - vectorBytes) / matrixBytes,
    wr: weights.ram / matrixBytes,
    wn: weights.disk / matrixBytes,
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
