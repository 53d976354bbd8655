import type { Candidate, CostModel } from '../cost-model.ts'
import { scaleHardware, type SpeedFactors } from '../hardware/scale-hardware.ts'
import type { FixedPolicy, PlanningProblem } from '../problem/planning-problem.ts'
import { tierNames, type TierName } from '../problem/tier-amounts.ts'
import { formatBytes } from '../text/format-amounts.ts'
import type { Prediction } from '../result/prediction.ts'
import type { WhatIf } from './plan-result.ts'

/** How a tier is called in a line for people. */
export const tierTitles: Readonly<Record<TierName, string>> = { device: 'device memory', ram: 'RAM', disk: 'disk' }

/** A smaller gain is not worth a line. */
const leastFactor = 1.005

/** A problem with one thing changed. */
interface Change {
  readonly change: string
  readonly problem: PlanningProblem
}

/** A resource that is busy for less of a phase is no bottleneck, and near to none. */
const busyShare = 0.4

/** What changes of machine and flags would bring, largest gain first; those that bring nothing are left out. */
export function listWhatIfs(costModel: CostModel, problem: PlanningProblem, { predicted }: Candidate): WhatIf[] {
  const now = predicted.totalTokensPerSecond
  return listChanges(costModel, problem, predicted)
    .flatMap(({ change, problem: changed }) => {
      const totalTokensPerSecond = costModel.bestTokensPerSecond(changed, now * leastFactor)
      return totalTokensPerSecond === undefined
        ? []
        : [{ change, totalTokensPerSecond, factor: totalTokensPerSecond / now }]
    })
    .filter(({ factor }) => factor >= leastFactor)
    .toSorted((a, b) => b.factor - a.factor)
}

function listChanges(costModel: CostModel, problem: PlanningProblem, predicted: Prediction): Change[] {
  const { fixed, compressWeight, compressCache, allowCompression } = problem
  const isFixed = Object.values(fixed).some((value) => value !== undefined)
  const isBusy = (...names: string[]): boolean =>
    [predicted.prefill, predicted.decodeStep].some(({ seconds, secondsByResource }) =>
      names.some((name) => (secondsByResource[name] ?? 0) >= busyShare * seconds),
    )
  const speeds: [change: string, factors: SpeedFactors, isBusy: boolean][] = [
    ['a link to the device twice as fast', { hostLink: 2 }, isBusy('ramToDevice', 'deviceToRam')],
    ['a disk twice as fast', { disk: 2 }, isBusy('diskRead', 'diskWrite')],
    ['attention on the host twice as fast', { hostAttention: 2 }, isBusy('hostAttention')],
    ['a device that computes twice as fast', { device: 2 }, isBusy('deviceCompute')],
  ]
  const knowsCache = costModel.name === 'engine'
  return [
    ...(isFixed ? [{ change: 'the policy that the planner would choose', problem: { ...problem, fixed: {} } }] : []),
    ...tierNames
      .filter((tier) => !isWholePolicy(fixed) && !isSameMemory(problem, tier))
      .map((tier) => moreOf(problem, tier)),
    ...speeds.flatMap(([change, factors, isUseful]) => (isUseful ? [faster(problem, change, factors)] : [])),
    ...(compressWeight || allowCompression
      ? []
      : [{ change: '4-bit weights', problem: { ...problem, compressWeight: true } }]),
    ...(compressCache || allowCompression || !knowsCache
      ? []
      : [{ change: '4-bit KV', problem: { ...problem, compressCache: true } }]),
  ]
}

/** Whether nothing is left to choose, so that more memory would change nothing. */
function isWholePolicy({ percent, gpuBatchSize, numGpuBatches }: FixedPolicy): boolean {
  return percent !== undefined && gpuBatchSize !== undefined && numGpuBatches !== undefined
}

/** Whether a tier is a part of another: the device of a host. */
function isSameMemory({ hardware }: PlanningProblem, tier: TierName): boolean {
  return tier === 'device' && hardware.machine.device === 'host'
}

/** More of a tier: the power of two GiB that is half of what is there at most, 1 GiB at least. */
function moreOf(problem: PlanningProblem, tier: TierName): Change {
  const half = problem.capacity[tier] / 2 ** 31
  const more = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, half)))) * 2 ** 30
  return {
    change: `${formatBytes(more)} more ${tierTitles[tier]}`,
    problem: { ...problem, capacity: { ...problem.capacity, [tier]: problem.capacity[tier] + more } },
  }
}

function faster(problem: PlanningProblem, change: string, factors: SpeedFactors): Change {
  return { change, problem: { ...problem, hardware: scaleHardware(problem.hardware, factors) } }
}
