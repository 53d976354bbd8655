import type { Lack } from '../cost-model.ts'
import { linearForm, scaleForm, sumForms } from '../lp/linear-form.ts'
import type { LinearProgram, LinearSolver } from '../lp/linear-program.ts'
import type { FixedPolicy } from '../problem/planning-problem.ts'
import { type TierAmounts, tierNames, type TierName } from '../problem/tier-amounts.ts'
import { blockModel, type BlockModel, peakBytes, peakForm } from './block-model.ts'
import { shareRows } from './block-program.ts'
import type { FlexgenProblem } from './flexgen-problem.ts'
import { sharesOf } from './shares.ts'

/** What `findLacks` finds. */
export interface Lacks {
  readonly lacks: readonly Lack[]
  readonly eitherOf: readonly Lack[]
}

/**
 * How much capacity is missing for the smallest block (or the given split): how far the tiers would have to grow
 * together, least in proportion to what they have, and for every tier that could make it alone how far.
 */
export function findLacks(
  solver: LinearSolver,
  flexgen: FlexgenProblem,
  { percent, gpuBatchSize = 1, numGpuBatches = 1 }: FixedPolicy,
  margin: TierAmounts,
): Lacks {
  const model = blockModel(flexgen, { gpuBatchSize, numGpuBatches })
  // The capacity must grow by more than what may be planned of it.
  const capacityBytes = (tier: TierName, bytes: number): number => Math.ceil(bytes / (margin[tier] || 1))
  if (percent !== undefined) {
    const peaks = peakBytes(model, sharesOf(percent))
    const lacks = tierNames.flatMap((tier) => {
      const missing = peaks[tier] - flexgen.allowedBytes[tier]
      return missing > 0 ? [{ tier, bytes: capacityBytes(tier, missing) }] : []
    })
    return { lacks, eitherOf: lacks.length === 1 ? lacks : [] }
  }
  const growth = (tiers: readonly TierName[]): Lack[] | undefined => {
    const outcome = solver.solve(growthProgram(model, tiers))
    if (outcome.status === 'infeasible') return undefined
    return tiers
      .map((tier) => ({ tier, bytes: capacityBytes(tier, (outcome.values[`more_${tier}`] ?? 0) * 2 ** 30) }))
      .filter(({ bytes }) => bytes > 0)
  }
  return { lacks: growth(tierNames) ?? [], eitherOf: tierNames.flatMap((tier) => growth([tier]) ?? []) }
}

/** The least growth of some tiers, in GiB `more_*`, weighed by what they have. */
function growthProgram(model: BlockModel, tiers: readonly TierName[]): LinearProgram {
  const allowed = (tier: TierName): number => model.problem.allowedBytes[tier]
  const rows = model.peaks.map((peak) => ({
    name: `${peak.tier}_${peak.phase}`,
    form: sumForms<string>([
      scaleForm<string>(sumForms<string>([peakForm(peak), linearForm({}, -allowed(peak.tier))]), 2 ** -30),
      linearForm(tiers.includes(peak.tier) ? { [`more_${peak.tier}`]: -1 } : {}),
    ]),
    relation: '<=' as const,
  }))
  const weights = tiers.map((tier) => [`more_${tier}`, 2 ** 30 / Math.max(2 ** 20, allowed(tier))])
  return { minimize: linearForm(Object.fromEntries(weights) as Record<string, number>), rows: [...shareRows, ...rows] }
}
