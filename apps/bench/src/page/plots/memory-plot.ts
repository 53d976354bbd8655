import type { MemorySample } from '../../measure/measurement.ts'
import type { ProcessMemorySample } from '../../system/process-memory.ts'
import { tierColours } from '../colours.ts'
import type { Plot } from '../render-plot.ts'

/** Bytes that are held on each tier over time, stacked, and what the system counts for the process as a line. */
export function memoryPlot(samples: readonly MemorySample[], process: readonly ProcessMemorySample[]): Plot {
  const startMs = Math.min(samples[0]?.atMs ?? Number.POSITIVE_INFINITY, process[0]?.atMs ?? Number.POSITIVE_INFINITY)
  const seconds = (atMs: number): number => Math.round(atMs - startMs) / 1000
  const held = samples.flatMap(({ atMs, deviceBytes, hostBytes, diskBytes }) => [
    { at: seconds(atMs), order: 0, colour: tierColours.device, gigabytes: deviceBytes / 1e9 },
    { at: seconds(atMs), order: 1, colour: tierColours.RAM, gigabytes: hostBytes / 1e9 },
    { at: seconds(atMs), order: 2, colour: tierColours.disk, gigabytes: diskBytes / 1e9 },
  ])
  const resident = process.map(({ atMs, rssBytes }) => ({ at: seconds(atMs), gigabytes: rssBytes / 1e9 }))
  const x = {
    field: 'at',
    type: 'quantitative',
    axis: { title: 'seconds', grid: false },
    scale: { nice: false },
  } as const
  const axis = { title: 'GB', tickCount: 4 } as const
  return (width) => ({
    width,
    height: 190,
    layer: [
      {
        data: { values: held },
        mark: { type: 'area', interpolate: 'step-after', opacity: 0.9 },
        encoding: {
          x,
          y: { field: 'gigabytes', type: 'quantitative', stack: 'zero', axis },
          color: { field: 'colour', type: 'nominal', scale: null },
          order: { field: 'order', type: 'ordinal' },
        },
      },
      {
        data: { values: resident },
        mark: { type: 'line', color: 'var(--text)', strokeWidth: 1.5, strokeDash: [4, 3] },
        encoding: { x, y: { field: 'gigabytes', type: 'quantitative' } },
      },
    ],
  })
}
