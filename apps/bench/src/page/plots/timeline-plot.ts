import type { Timeline } from '../../measure/measurement.ts'
import { queueInfo, queueKinds } from '../../measure/queue-kinds.ts'
import { kindColours } from '../colours.ts'
import type { Plot } from '../render-plot.ts'
import { amountPosition, rowPosition } from './positions.ts'

/** Spans that a plot holds at most; beyond it the shortest ones are left out. */
export const mostSpans = 1500

/** One decode step: a row a queue, a bar an operation. */
export function timelinePlot({ spans, durationMs }: Timeline): Plot {
  const known = Object.keys(queueKinds)
  const queues = [...new Set(spans.map(({ queue }) => queue))].toSorted((a, b) => known.indexOf(a) - known.indexOf(b))
  const shown = spans.toSorted((a, b) => b.endMs - b.startMs - (a.endMs - a.startMs)).slice(0, mostSpans)
  const bars = shown.map(({ queue, startMs, endMs }) => ({
    row: queues.indexOf(queue),
    startMs,
    // A hair line is seen where an operation is too short to be.
    endMs: Math.max(endMs, startMs + durationMs / 2000),
    colour: kindColours[queueInfo(queue).kind],
  }))
  const y = rowPosition
  return (width) => ({
    width,
    height: { step: 38 },
    layer: [
      {
        data: { values: bars },
        mark: { type: 'bar', height: 15, yOffset: 8, opacity: 0.85, stroke: 'var(--card)', strokeWidth: 0.5 },
        encoding: {
          y,
          x: amountPosition('startMs', durationMs, 'milliseconds', 6),
          x2: { field: 'endMs' },
          color: { field: 'colour', type: 'nominal', scale: null },
        },
      },
      {
        data: { values: queues.map((queue, row) => ({ row, queue })) },
        mark: { type: 'text', align: 'left', dy: -8, color: 'var(--muted)', fontSize: 11 },
        encoding: { y, x: { value: 0 }, text: { field: 'queue' } },
      },
    ],
  })
}
