import { formatBytes, formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { BenchReport } from './bench-report.ts'

/** What was expected of our sides beside what the typical repetition did; nothing where nothing was expected. */
export function describePredictions({ sides }: Pick<BenchReport, 'sides'>): string[] {
  const rows = sides.flatMap(({ title, typical }) => {
    const prediction = typical?.measurement?.prediction
    if (prediction === undefined) return []
    const { predicted, measured, limit, hardware, isAssumed } = prediction
    const { prompts, newTokens } = typical!.measurement!.work
    const { totalTokensPerSecond } = typical!
    const limitSeconds = limit.prefillSeconds + (newTokens - 1) * limit.decodeStepSeconds
    const limitTokens = (prompts * newTokens) / limitSeconds / blocksOf(typical!.measurement!.work)
    const pair = (of: keyof typeof measured, format: (value: number) => string): string =>
      predicted[of] === 0
        ? '-'
        : `${format(predicted[of])} / ${format(measured[of])} (${(measured[of] / predicted[of]).toFixed(2)})`
    return [
      [
        title,
        pair('prefillSeconds', formatNumber),
        pair('decodeStepSeconds', formatNumber),
        pair('peakDeviceBytes', formatBytes),
        pair('peakRamBytes', formatBytes),
        totalTokensPerSecond === undefined
          ? '-'
          : `${formatNumber(totalTokensPerSecond)} of ${formatNumber(limitTokens)} (${(totalTokensPerSecond / limitTokens).toFixed(2)})`,
        isAssumed ? 'assumed: flexgen profile measures' : hardware,
      ],
    ]
  })
  if (rows.length === 0) return []
  const titles = ['predicted / measured', 'prefill s', 'decode step s', 'peak device', 'peak RAM']
  return ['', ...formatTable([[...titles, 'tokens/s of the limit', 'profile'], ...rows])]
}

function blocksOf({ prompts, blockPrompts }: { readonly prompts: number; readonly blockPrompts: number }): number {
  return Math.ceil(prompts / blockPrompts)
}
