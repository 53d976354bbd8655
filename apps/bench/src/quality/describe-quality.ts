import { formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { QualityReport, QualityRow } from './quality-report.ts'

/** How a row stands to its goal, in a word or two; empty where none is set. */
export function verdictOf({ limitPercent, passes }: QualityRow): string {
  if (limitPercent === undefined) return ''
  const goal = `at most ${limitPercent} %`
  return passes === undefined ? goal : `${goal}: ${passes ? 'met' : 'missed'}`
}

/** Perplexity with four digits, which tells apart what compression does. */
export function formatPerplexity(value: number): string {
  return value.toPrecision(5)
}

/** A rise with its sign: `+2.31 %`. */
export function formatRise(percent: number): string {
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(2)} %`
}

/** What was measured, as lines for a terminal. */
export function describeQuality({ model, rows, windows, windowTokens, strideTokens }: QualityReport): string[] {
  const tokens = rows[0]?.tokens ?? 0
  const cells = rows.map((row) =>
    row.perplexity === undefined
      ? [row.title, 'not measured']
      : [
          row.title,
          formatPerplexity(row.perplexity),
          row.risePercent === undefined ? '' : formatRise(row.risePercent),
          verdictOf(row),
          row.backend ?? '',
          `${formatNumber(row.seconds ?? 0)} s`,
        ],
  )
  return [
    `${model}: ${tokens} held-out tokens in ${windows} windows of up to ${windowTokens}, moved on by ${strideTokens}`,
    ...formatTable([['', 'perplexity', 'rise', 'goal', 'backend', 'time'], ...cells]),
    ...rows.flatMap(({ title, failure }) => (failure === undefined ? [] : [`${title}: ${failure.message}`])),
  ]
}
