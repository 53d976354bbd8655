import { formatNumber, formatPercent } from '../../format/format-amount.ts'
import type { Plot } from '../render-plot.ts'
import { type AmountPosition, amountPosition, rowPosition } from './positions.ts'

/** What one side made of a link. */
export interface LinkBar {
  readonly title: string
  readonly bytesPerSecond: number
  /** Measured alone; undefined where it was not. */
  readonly bandwidth: number | undefined
}

/** Bars of bytes per second that were reached, with a mark where the link was measured to end. */
export function linksPlot(bars: readonly LinkBar[]): Plot {
  const rows = bars.map(({ title, bytesPerSecond, bandwidth }, row) => {
    const share = bandwidth === undefined ? '' : `, ${formatPercent(bytesPerSecond / bandwidth)}`
    return {
      row,
      title,
      label: `${formatNumber(bytesPerSecond / 1e9)} GB/s${share}`,
      used: bytesPerSecond / 1e9,
      limit: (bandwidth ?? bytesPerSecond) / 1e9,
      hasLimit: bandwidth !== undefined,
    }
  })
  const most = Math.max(...rows.map(({ used, limit }) => Math.max(used, limit)))
  const y = rowPosition
  const x = (field: string): AmountPosition => amountPosition(field, most * 1.04, 'GB per second')
  return (width) => ({
    width,
    height: { step: 46 },
    data: { values: rows },
    layer: [
      { mark: { type: 'bar', height: 14, yOffset: 8, color: 'var(--grid)' }, encoding: { y, x: x('limit') } },
      {
        mark: { type: 'bar', height: 14, yOffset: 8, color: 'var(--orange)', cornerRadiusEnd: 3 },
        encoding: { y, x: x('used') },
      },
      {
        transform: [{ filter: 'datum.hasLimit' }],
        mark: { type: 'tick', yOffset: 8, size: 18, thickness: 2.5, color: 'var(--text)' },
        encoding: { y, x: x('limit') },
      },
      {
        mark: { type: 'text', align: 'left', dy: -9, limit: width * 0.75 },
        encoding: { y, x: { value: 0 }, text: { field: 'title' } },
      },
      {
        mark: { type: 'text', align: 'right', dy: -9, fontWeight: 600 },
        encoding: { y, x: { value: width }, text: { field: 'label' } },
      },
    ],
  })
}
