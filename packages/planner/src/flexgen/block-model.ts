import { evaluateForm, type LinearForm, sumForms } from '../lp/linear-form.ts'
import { tierNames, type TierName } from '../problem/tier-amounts.ts'
import type { BatchSplit, FlexgenProblem } from './flexgen-problem.ts'
import {
  type LayerTerms,
  decodePaths,
  decodeTerms,
  prefillPaths,
  prefillTerms,
  type ResourcePath,
} from './layer-terms.ts'
import { type MemoryPeak, memoryPeaks } from './memory-forms.ts'
import type { ShareName, Shares } from './shares.ts'

/** All forms of one batch split: what the linear program is made of, and what a policy is evaluated with. */
export interface BlockModel {
  readonly problem: FlexgenProblem
  readonly split: BatchSplit
  readonly prefill: LayerTerms
  readonly decode: LayerTerms
  readonly peaks: readonly MemoryPeak[]
}

/** The forms of a batch split. */
export function blockModel(problem: FlexgenProblem, split: BatchSplit): BlockModel {
  return {
    problem,
    split,
    prefill: prefillTerms(problem, split),
    decode: decodeTerms(problem, split),
    peaks: memoryPeaks(problem, split),
  }
}

/** Seconds of a path over the shares. */
export function pathForm(terms: LayerTerms, path: ResourcePath): LinearForm<ShareName> {
  return sumForms(path.map((resource) => terms[resource]))
}

/** All bytes of a peak over the shares. */
export function peakForm({ bytes }: MemoryPeak): LinearForm<ShareName> {
  return sumForms(Object.values(bytes))
}

/** Seconds of a layer in both phases at given shares. */
export function layerSeconds(model: BlockModel, shares: Shares): { prefill: number; decode: number } {
  const longest = (terms: LayerTerms, paths: readonly ResourcePath[]): number =>
    Math.max(...paths.map((path) => evaluateForm(pathForm(terms, path), shares)))
  return { prefill: longest(model.prefill, prefillPaths), decode: longest(model.decode, decodePaths) }
}

/** `T`: seconds of a block, from the first prompt to the last token. */
export function blockSeconds(model: BlockModel, shares: Shares): number {
  const { prefill, decode } = layerSeconds(model, shares)
  const { shape, newTokens } = model.problem
  return (prefill + decode * (newTokens - 1)) * shape.decoderLayers
}

/** The most bytes that each tier holds at given shares. */
export function peakBytes(model: BlockModel, shares: Shares): Record<TierName, number> {
  const most = (tier: TierName): number =>
    Math.max(...model.peaks.filter((peak) => peak.tier === tier).map((peak) => evaluateForm(peakForm(peak), shares)))
  return Object.fromEntries(tierNames.map((tier) => [tier, most(tier)])) as Record<TierName, number>
}
