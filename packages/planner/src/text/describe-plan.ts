import type { FeasiblePlan, PlanResult } from '../plan/plan-result.ts'
import { tierTitles } from '../plan/what-if.ts'
import { tierNames } from '../problem/tier-amounts.ts'
import type { Percent } from '../result/planned-policy.ts'
import { formatBytes, formatSeconds, threeDigits } from './format-amounts.ts'

/** How resources are called in a line for people. */
const resourceTitles: Readonly<Record<string, string>> = {
  ramToDevice: 'RAM to device',
  deviceToRam: 'device to RAM',
  diskRead: 'disk reads',
  diskWrite: 'disk writes',
  deviceCompute: 'device',
  hostAttention: 'attention on the host',
}

/** A plan in lines for people. */
export function describePlan(plan: PlanResult): string[] {
  const { model, hardware, workload, costModel } = plan
  const title = `${model} on ${hardware}, ${workload.promptTokens} + ${workload.newTokens} tokens (cost model ${costModel})`
  if (!plan.feasible) return [title, '', ...describeInfeasible(plan)]
  return [
    title,
    '',
    ...describePolicy(plan),
    '',
    ...describeBytes(plan),
    '',
    ...describePrediction(plan),
    ...describeOthers(plan),
    ...describeWhatIfs(plan),
  ]
}

function describeInfeasible({ reason, changes }: Extract<PlanResult, { feasible: false }>): string[] {
  const lines = changes.map(({ change, totalTokensPerSecond }) => `  ${change}: ${rate(totalTokensPerSecond)}`)
  return [`Does not fit: ${reason}`, ...(lines.length === 0 ? [] : ['This would fit:', ...lines])]
}

function describePolicy({ policy }: FeasiblePlan): string[] {
  const { gpuBatchSize, numGpuBatches, percent, cpuCacheCompute, compressWeight, compressCache } = policy
  const flags = [
    `--gpu-batch-size ${gpuBatchSize} --num-gpu-batches ${numGpuBatches} --percent ${percent.join(' ')}`,
    ...(cpuCacheCompute ? ['--cpu-cache-compute'] : []),
    ...(compressWeight ? ['--compress-weight'] : []),
    ...(compressCache ? ['--compress-cache'] : []),
  ]
  return [
    `Policy     ${count(gpuBatchSize * numGpuBatches, 'sequence')} at a time, in ${count(numGpuBatches, 'batch')} of ${gpuBatchSize}`,
    `           ${describePercent(percent)}`,
    `           ${flags.join(' ')}`,
  ]
}

function describePercent(percent: Percent): string {
  const parts = ['weights', 'KV cache', 'activations'].map((what, i) => {
    const device = percent[2 * i]!
    const ram = percent[2 * i + 1]!
    const shares = { 'on the device': device, 'in RAM': ram, 'on disk': 100 - device - ram }
    const some = Object.entries(shares).filter(([, share]) => share > 0)
    return `${what} ${some.map(([place, share]) => (share === 100 ? place : `${share} % ${place}`)).join(', ')}`
  })
  return parts.join('; ')
}

function describeBytes({ bytes }: FeasiblePlan): string[] {
  const parts = ['weights', 'cache', 'activations', 'staging', 'total', 'capacity'] as const
  const titles = {
    weights: 'weights',
    cache: 'KV cache',
    activations: 'activations',
    staging: 'staging',
    total: 'in all',
    capacity: 'of',
  }
  const rows = parts.map((part) => [titles[part], ...tierNames.map((tier) => formatBytes(bytes[tier][part]))])
  return alignColumns([['At its peak', ...tierNames.map((tier) => tierTitles[tier])], ...rows])
}

function describePrediction({ predicted, job, workload }: FeasiblePlan): string[] {
  const { prefill, decodeStep } = predicted
  const busy = (phase: typeof prefill): string =>
    Object.entries(phase.secondsByResource)
      .filter(([, seconds]) => seconds > 0)
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, seconds]) => `${resourceTitles[name] ?? name} ${formatSeconds(seconds)}`)
      .join(', ')
  const title = (name: string): string => resourceTitles[name] ?? name
  return [
    `Expected   ${rate(predicted.totalTokensPerSecond)}: ${formatSeconds(predicted.totalSeconds)} for a block`,
    `prefill    ${formatSeconds(prefill.seconds)} (${rate(predicted.prefillTokensPerSecond)}), bound by: ${title(prefill.bindingResource)}`,
    `           busy: ${busy(prefill)}`,
    ...(workload.newTokens === 1
      ? []
      : [
          `decoding   ${formatSeconds(decodeStep.seconds)} a step (${rate(predicted.decodeTokensPerSecond)}), bound by: ${title(decodeStep.bindingResource)}`,
          `           busy: ${busy(decodeStep)}`,
        ]),
    ...(job === undefined
      ? []
      : [
          `job        ${count(workload.numPrompts ?? 0, 'prompt')} in ${count(job.blocks, 'block')}: ${formatSeconds(job.totalSeconds)}`,
        ]),
  ]
}

function describeOthers({ runnerUp, alternatives }: FeasiblePlan): string[] {
  const next =
    runnerUp === undefined
      ? []
      : [
          '',
          `Next best  ${runnerUp.policy.gpuBatchSize} x ${runnerUp.policy.numGpuBatches}, --percent ${runnerUp.policy.percent.join(' ')}: ${rate(runnerUp.predicted.totalTokensPerSecond)}`,
        ]
  const equal = alternatives.map(
    ({ percent, bytes }, i) =>
      `${i === 0 ? 'As fast    ' : '           '}--percent ${percent.join(' ')} (${formatBytes(bytes.disk.total)} on disk, ${formatBytes(bytes.ram.total)} in RAM)`,
  )
  return [...next, ...equal]
}

function describeWhatIfs({ whatIf }: FeasiblePlan): string[] {
  return whatIf.length === 0
    ? []
    : ['', 'What if', ...whatIf.map(({ change, factor }) => `  ${change}: ${factor.toFixed(2)}x`)]
}

function rate(perSecond: number): string {
  return `${threeDigits(perSecond)} token/s`
}

function count(number: number, what: string): string {
  const plural = what.endsWith('ch') ? `${what}es` : `${what}s`
  return `${number} ${number === 1 ? what : plural}`
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  )
}
