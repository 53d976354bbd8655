import { formatBytes, formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { Measurement } from '../measure/measurement.ts'
import type { BenchReport } from './bench-report.ts'

const titles = [
  'predicted / measured',
  'prefill s',
  'decode step s',
  'peak device',
  'peak RAM',
  'tokens/s of the limit',
  'profile',
]

/**
 * What was expected of our sides beside what the typical repetition did, and what their placement could reach at most;
 * nothing where nothing was expected.
 */
export function describePredictions({ sides }: Pick<BenchReport, 'sides'>): string[] {
  const rows = sides.flatMap(({ title, typical }) => {
    const { prediction, work } = typical?.measurement ?? {}
    if (prediction === undefined || work === undefined) return []
    const { predicted, measured, limit, hardware, isAssumed } = prediction
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
        describeLimit(typical?.totalTokensPerSecond, limit && limitTokensPerSecond(work, limit)),
        isAssumed ? 'assumed: flexgen profile measures' : hardware,
      ],
    ]
  })
  return rows.length === 0 ? [] : ['', ...formatTable([titles, ...rows])]
}

type Limit = NonNullable<NonNullable<Measurement['prediction']>['limit']>

/** New tokens a second of a whole job at the limit of the busiest link or kernels. */
export function limitTokensPerSecond(
  { prompts, newTokens, blockPrompts }: Measurement['work'],
  { prefillSeconds, decodeStepSeconds }: Limit,
): number {
  const blocks = Math.ceil(prompts / blockPrompts)
  return (prompts * newTokens) / (blocks * (prefillSeconds + (newTokens - 1) * decodeStepSeconds))
}

function describeLimit(reached: number | undefined, limit: number | undefined): string {
  if (reached === undefined || limit === undefined) return '-'
  return `${formatNumber(reached)} of ${formatNumber(limit)} (${(reached / limit).toFixed(2)})`
}
