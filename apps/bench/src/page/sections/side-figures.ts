import { formatNumber } from '../../format/format-amount.ts'
import type { Measurement, Timeline } from '../../measure/measurement.ts'
import { queueInfo } from '../../measure/queue-kinds.ts'
import type { ProcessMemorySample } from '../../system/process-memory.ts'
import { kindColours, tierColours } from '../colours.ts'
import type { Markup } from '../html.ts'
import { memoryPlot } from '../plots/memory-plot.ts'
import { placementPlot } from '../plots/placement-plot.ts'
import { mostSpans, timelinePlot } from '../plots/timeline-plot.ts'
import { type LegendEntry, renderFigure } from '../render-plot.ts'

const tiers: readonly LegendEntry[] = Object.entries(tierColours).map(([label, colour]) => ({ label, colour }))
const resident: LegendEntry = { label: 'process, as the system counts it', colour: 'var(--text)', isLine: true }

/** What was held over time: by the engine on each tier where it is known, and by the process. */
export function memoryFigure(memory: Measurement['memory'], process: readonly ProcessMemorySample[]): Promise<Markup> {
  const isOurs = memory.length > 0
  const held = tiers.map(({ label, colour }) => ({ label: label === 'disk' ? 'scratch on disk' : label, colour }))
  return renderFigure({
    title: 'Bytes on each tier over time',
    about: isOurs
      ? 'What the engine holds, stacked, from the start of loading on; scratch on disk is the most so far.'
      : 'From the start of the process on.',
    size: 'half',
    legend: isOurs ? [...held, resident] : [resident],
    plot: memoryPlot(memory, process),
  })
}

/** Where weights, KV and activations were asked to lie, and lay. */
export function placementFigure(placement: Measurement['placement']): Promise<Markup> {
  return renderFigure({
    title: 'Placement',
    about: 'Device / RAM / disk in percent, as asked for and as it came out.',
    size: 'half',
    legend: tiers,
    plot: placementPlot(placement),
  })
}

/** What every queue did in one decode step. */
export function timelineFigure(timeline: Timeline): Promise<Markup> {
  const kinds = new Set(timeline.spans.map(({ queue }) => queueInfo(queue).kind))
  const legend = (Object.keys(kindColours) as (keyof typeof kindColours)[])
    .filter((kind) => kinds.has(kind))
    .map((kind): LegendEntry => ({ label: kind, colour: kindColours[kind] }))
  const cut =
    timeline.spans.length > mostSpans ? ` The longest ${mostSpans} of ${timeline.spans.length} operations.` : ''
  return renderFigure({
    title: `One decode step, queue by queue`,
    about: `Token ${timeline.token + 1} of every sequence, ${formatNumber(timeline.durationMs)} ms.${cut}`,
    size: 'full',
    legend,
    plot: timelinePlot(timeline),
  })
}
