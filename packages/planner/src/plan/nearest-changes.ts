import type { CostModel, Lack } from '../cost-model.ts'
import type { FixedPolicy, PlanningProblem } from '../problem/planning-problem.ts'
import { mapTiers } from '../problem/tier-amounts.ts'
import { formatBytes } from '../text/format-amounts.ts'
import type { FeasibleChange } from './plan-result.ts'
import { tierTitles } from './what-if.ts'

/** Room for the solver's rounding where a capacity grows by just what is missing. */
const rounding = 1 + 1e-6

/** Changes with which a problem that does not fit would, each tried: first those that cost nothing, then capacity. */
export function nearestChanges(
  costModel: CostModel,
  problem: PlanningProblem,
  missing: { readonly lacks: readonly Lack[]; readonly eitherOf: readonly Lack[] },
): FeasibleChange[] {
  const attempt = (change: Omit<FeasibleChange, 'totalTokensPerSecond'>): FeasibleChange[] => {
    const changed = { ...problem, ...change, fixed: change.fixed ?? problem.fixed }
    const totalTokensPerSecond = costModel.bestTokensPerSecond(changed)
    return totalTokensPerSecond === undefined ? [] : [{ ...change, totalTokensPerSecond }]
  }
  const grown = (lacks: readonly Lack[]): FeasibleChange[] => {
    const capacity = mapTiers(problem.capacity, (bytes, tier) => {
      const lack = lacks.find((each) => each.tier === tier)
      return lack === undefined ? bytes : Math.ceil((bytes + lack.bytes) * rounding)
    })
    const parts = lacks.map(({ tier, bytes }) => `${formatBytes(bytes)} more ${tierTitles[tier]}`)
    return attempt({ change: parts.join(' and '), capacity })
  }
  const free = freedPolicies(problem.fixed).flatMap(attempt)
  const compressed = problem.compressWeight
    ? []
    : attempt({ change: '4-bit weights (--compress-weight)', compressWeight: true })
  const together = missing.lacks.length === 0 ? [] : grown(missing.lacks)
  const isTogether = (lack: Lack): boolean => missing.lacks.length === 1 && missing.lacks[0]!.tier === lack.tier
  const alone = missing.eitherOf.filter((lack) => !isTogether(lack)).flatMap((lack) => grown([lack]))
  return [...free, ...compressed, ...together, ...alone]
}

/** Policies with less chosen by hand. */
function freedPolicies(fixed: FixedPolicy): { readonly change: string; readonly fixed: FixedPolicy }[] {
  const { percent, gpuBatchSize, numGpuBatches } = fixed
  const isSplitFixed = gpuBatchSize !== undefined || numGpuBatches !== undefined
  return [
    ...(isSplitFixed && percent !== undefined
      ? [{ change: 'the same percents in smaller batches', fixed: { percent } }]
      : []),
    ...(percent === undefined
      ? []
      : [{ change: 'other percents (without --percent)', fixed: { gpuBatchSize, numGpuBatches } }]),
    ...(isSplitFixed ? [{ change: 'smaller batches', fixed: {} }] : []),
  ]
}
