import { formatNumber, formatSeconds } from '../../format/format-amount.ts'
import type { Plot } from '../render-plot.ts'
import { type AmountPosition, amountPosition, rowPosition } from './positions.ts'

/** One kind of task in a phase. */
export interface TaskBar {
  readonly task: string
  readonly seconds: number
  /** Share of the phase's wall time. */
  readonly share: number
  readonly colour: string
}

/** Bars of the time that each kind of task took alone. */
export function tasksPlot(bars: readonly TaskBar[]): Plot {
  const most = Math.max(...bars.map(({ seconds }) => seconds))
  const rows = bars.map(({ task, seconds, share, colour }, row) => ({
    row,
    task,
    seconds,
    colour,
    label: `${formatSeconds(seconds)}, ${formatNumber(100 * share)} %`,
  }))
  const y = rowPosition
  const x: AmountPosition = amountPosition('seconds', most, 'seconds')
  return (width) => ({
    width,
    height: { step: 33 },
    data: { values: rows },
    layer: [
      {
        mark: { type: 'bar', height: 11, yOffset: 8, cornerRadiusEnd: 3 },
        encoding: { y, x, color: { field: 'colour', type: 'nominal', scale: null } },
      },
      {
        mark: { type: 'text', align: 'left', dy: -6, fontSize: 11, color: 'var(--muted)' },
        encoding: { y, x: { value: 0 }, text: { field: 'task' } },
      },
      {
        mark: { type: 'text', align: 'right', dy: -6, fontSize: 11 },
        encoding: { y, x: { value: width }, text: { field: 'label' } },
      },
    ],
  })
}
