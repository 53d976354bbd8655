import { formatNumber } from '../../format/format-amount.ts'
import type { Spread } from '../../report/spread.ts'
import type { Plot } from '../render-plot.ts'
import { type AmountPosition, amountPosition, rowPosition } from './positions.ts'

/** One bar with the spread of its repetitions. */
export interface ThroughputBar {
  readonly title: string
  readonly spread: Spread
  /** Drawn in another colour: the other side. */
  readonly isForeign: boolean
}

/**
 * Bars of medians in tokens per second, every repetition as a dot, and the range as a line.
 * Widths of texts are estimates here, on the large side: hence a limit beyond the width.
 */
export function throughputPlot(bars: readonly ThroughputBar[]): Plot {
  const most = Math.max(...bars.map(({ spread }) => spread.max))
  const rows = bars.map(({ title, spread, isForeign }, row) => ({
    row,
    title,
    label: formatNumber(spread.median),
    colour: isForeign ? 'var(--muted)' : 'var(--blue)',
    ...spread,
  }))
  const dots = rows.flatMap(({ row, values }) => values.map((value) => ({ row, value })))
  const y = rowPosition
  const x = (field: string): AmountPosition => amountPosition(field, most * 1.16, 'tokens per second')
  return (width) => ({
    width,
    height: { step: 46 },
    data: { values: rows },
    layer: [
      {
        mark: { type: 'bar', height: 14, yOffset: 8, cornerRadiusEnd: 3 },
        encoding: { y, x: x('median'), color: { field: 'colour', type: 'nominal', scale: null } },
      },
      {
        mark: { type: 'rule', yOffset: 8, strokeWidth: 1.5, color: 'var(--text)' },
        encoding: { y, x: x('min'), x2: { field: 'max' } },
      },
      {
        data: { values: dots },
        mark: {
          type: 'point',
          yOffset: 8,
          size: 26,
          filled: true,
          color: 'var(--card)',
          stroke: 'var(--text)',
          strokeWidth: 1.2,
          opacity: 1,
        },
        encoding: { y, x: x('value') },
      },
      {
        mark: { type: 'text', align: 'left', dx: 9, dy: 8, fontWeight: 600 },
        encoding: { y, x: x('max'), text: { field: 'label' } },
      },
      {
        mark: { type: 'text', align: 'left', dy: -9, limit: width * 1.25 },
        encoding: { y, x: { value: 0 }, text: { field: 'title' } },
      },
    ],
  })
}
