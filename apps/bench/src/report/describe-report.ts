import { formatBytes, formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { BenchReport } from './bench-report.ts'
import type { SpeedRatio } from './comparison.ts'
import type { Spread } from './spread.ts'

const spread = (value: Spread | undefined, format: (amount: number) => string = formatNumber): string => {
  if (value === undefined) return '-'
  const median = format(value.median)
  return value.values.length === 1 ? median : `${median} [${format(value.min)}..${format(value.max)}]`
}

/** What was measured, as lines for a terminal: medians with their range, then ratios. */
export function describeReport({ sides, comparison, settings, sittings }: BenchReport): string[] {
  const rows = sides.map(({ title, summary, failure }) =>
    summary === undefined
      ? [title, `${failure?.code ?? 'not measured'}`]
      : [
          title,
          spread(summary.prefillSeconds),
          spread(summary.decodeSeconds),
          spread(summary.decodeTokensPerSecond),
          spread(summary.totalTokensPerSecond),
          spread(summary.peakRssBytes, formatBytes),
        ],
  )
  const repetitions = `median of ${settings.repeat}${settings.repeat > 1 ? ' [min..max]' : ''}`
  return [
    ...formatTable([[repetitions, 'prefill s', 'decode s', 'decode tok/s', 'total tok/s', 'peak RSS'], ...rows]),
    ...(sittings > 1 ? [`measured in ${sittings} sittings: what lies in different ones was not side by side`] : []),
    ...sides.flatMap(({ title, failure }) =>
      failure === undefined ? [] : [`${title}: ${failure.code}: ${failure.message}`],
    ),
    ...(comparison === undefined ? [] : ['', ...describeComparison(sides, comparison)]),
  ]
}

function describeComparison(
  sides: BenchReport['sides'],
  { base, sides: compared }: NonNullable<BenchReport['comparison']>,
): string[] {
  const ratio = (value: SpeedRatio | undefined): string => {
    if (value === undefined) return '-'
    const { ofMedians, pairs } = value
    const range = pairs === undefined || pairs.values.length < 2 ? '' : ` [${times(pairs.min)}..${times(pairs.max)}]`
    return times(ofMedians) + range
  }
  return formatTable([
    [`speed against ${sides[base]!.title}`, 'prefill', 'decode', 'total', 'peak RSS'],
    ...compared.map(({ side, prefill, decode, total, peakRss }) => [
      sides[side]!.title,
      ratio(prefill),
      ratio(decode),
      ratio(total),
      peakRss === undefined ? '-' : times(peakRss),
    ]),
  ])
}

function times(value: number): string {
  return `${value.toFixed(2)}x`
}
