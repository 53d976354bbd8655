import { formatBytes, formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { BenchReport } from './bench-report.ts'

/** What was expected of our sides beside what the typical repetition did; nothing where nothing was expected. */
export function describePredictions({ sides }: Pick<BenchReport, 'sides'>): string[] {
  const rows = sides.flatMap(({ title, typical }) => {
    const prediction = typical?.measurement?.prediction
    if (prediction === undefined) return []
    const { predicted, measured, hardware, isAssumed } = prediction
    const pair = (of: keyof typeof measured, format: (value: number) => string): string =>
      predicted[of] === 0
        ? '-'
        : `${format(predicted[of])} / ${format(measured[of])} (${(measured[of] / predicted[of]).toFixed(2)})`
    return [
      [
        title,
        pair('prefillSeconds', formatNumber),
        pair('decodeStepSeconds', formatNumber),
        pair('peakRamBytes', formatBytes),
        isAssumed ? 'assumed: flexgen profile measures' : hardware,
      ],
    ]
  })
  if (rows.length === 0) return []
  return ['', ...formatTable([['predicted / measured', 'prefill s', 'decode step s', 'peak RAM', 'profile'], ...rows])]
}
