import type { Plot } from '../render-plot.ts'
import { type AmountPosition, amountPosition, rowPosition } from './positions.ts'

/** How much the perplexity of one variant rises. */
export interface RiseBar {
  readonly title: string
  readonly percent: number
  readonly label: string
  /** Most that it may rise; undefined where no goal is set. */
  readonly limitPercent: number | undefined
}

/** Bars of rises in percent, with a mark at the goal where there is one. */
export function risePlot(bars: readonly RiseBar[]): Plot {
  const rows = bars.map(({ title, percent, label, limitPercent }, row) => ({
    row,
    title,
    label,
    percent,
    limit: limitPercent ?? 0,
    hasLimit: limitPercent !== undefined,
    colour: limitPercent !== undefined && percent > limitPercent ? 'var(--bad)' : 'var(--blue)',
  }))
  const most = Math.max(1, ...rows.map(({ percent, limit }) => Math.max(percent, limit)))
  const least = Math.min(0, ...rows.map(({ percent }) => percent))
  const y = rowPosition
  const x = (field: string): AmountPosition => ({
    ...amountPosition(field, most, 'percent above the baseline', 6),
    scale: { domain: [least * 1.04, most * 1.04], nice: false },
  })
  return (width) => ({
    width,
    height: { step: 46 },
    data: { values: rows },
    layer: [
      {
        mark: { type: 'bar', height: 14, yOffset: 8, cornerRadiusEnd: 3 },
        encoding: { y, x: x('percent'), x2: { datum: 0 }, color: { field: 'colour', type: 'nominal', scale: null } },
      },
      {
        transform: [{ filter: 'datum.hasLimit' }],
        mark: { type: 'tick', yOffset: 8, size: 18, thickness: 2.5, color: 'var(--text)' },
        encoding: { y, x: x('limit') },
      },
      {
        mark: { type: 'text', align: 'left', dy: -9, limit: width * 0.8 },
        encoding: { y, x: { value: 0 }, text: { field: 'title' } },
      },
      {
        mark: { type: 'text', align: 'right', dy: -9, fontWeight: 600 },
        encoding: { y, x: { value: width }, text: { field: 'label' } },
      },
    ],
  })
}
