import type { ReplacementReport } from '@flexgen/core'
import { tierColours } from '../colours.ts'
import type { Plot } from '../render-plot.ts'

/** Every plot here is over the tokens of the run. */
const x = {
  field: 'sweep',
  type: 'quantitative',
  axis: { title: 'token', grid: false },
  scale: { nice: false },
} as const

/**
 * Where things were after every sweep: pinned matrices in GB as an area, KV on the device as a share of all KV as a line,
 * and a mark at every decision.
 */
export function replacementPlot({ timeline, steps }: ReplacementReport): Plot {
  const most = Math.max(1e-9, ...timeline.map(({ pinnedBytes }) => pinnedBytes / 1e9))
  const rows = timeline.map(({ sweep, pinnedBytes, deviceRows, hostRows, streamedRows, diskRows, seconds }) => {
    const all = Math.max(1, deviceRows + hostRows + streamedRows + diskRows)
    return {
      sweep,
      pinned: pinnedBytes / 1e9,
      // The share is drawn to the height of the area, so that both fit one axis.
      share: (most * deviceRows) / all,
      hostShare: (most * (deviceRows + hostRows)) / all,
      seconds,
    }
  })
  const marks = steps.map(({ sweep, what }) => ({ sweep, what }))
  const y = (field: string) =>
    ({ field, type: 'quantitative', axis: { title: 'GB of weights kept', tickCount: 4 } }) as const
  return (width) => ({
    width,
    height: 190,
    layer: [
      {
        data: { values: rows },
        mark: { type: 'area', interpolate: 'step-after', color: tierColours.device, opacity: 0.5 },
        encoding: { x, y: y('pinned') },
      },
      {
        data: { values: rows },
        mark: { type: 'line', interpolate: 'step-after', color: tierColours.RAM, strokeWidth: 2 },
        encoding: { x, y: y('hostShare') },
      },
      {
        data: { values: rows },
        mark: { type: 'line', interpolate: 'step-after', color: 'var(--text)', strokeWidth: 1.5, strokeDash: [4, 3] },
        encoding: { x, y: y('share') },
      },
      { data: { values: marks }, mark: { type: 'rule', color: 'var(--text)', opacity: 0.25 }, encoding: { x } },
    ],
  })
}

/** What was planned after every sweep, in GB, and the limit that it was within: of the device, or of RAM where there is none. */
export function plannedPlot({ timeline }: ReplacementReport): Plot {
  const values = timeline.map(({ sweep, planned, limits }) => {
    const isDevice = planned.device > 0
    const limit = isDevice ? limits.device : limits.ram
    return {
      sweep,
      planned: (isDevice ? planned.device : planned.ram) / 1e9,
      ...(limit !== undefined && { limit: limit / 1e9 }),
    }
  })
  const y = (field: string) => ({ field, type: 'quantitative', axis: { title: 'GB', tickCount: 4 } }) as const
  return (width) => ({
    width,
    height: 120,
    data: { values },
    layer: [
      {
        mark: { type: 'area', interpolate: 'step-after', color: tierColours.device, opacity: 0.5 },
        encoding: { x, y: y('planned') },
      },
      {
        mark: { type: 'line', interpolate: 'step-after', color: 'var(--text)', strokeWidth: 1.5, strokeDash: [4, 3] },
        encoding: { x, y: y('limit') },
      },
    ],
  })
}

/** Seconds of every sweep. */
export function sweepSecondsPlot({ timeline }: ReplacementReport): Plot {
  return (width) => ({
    width,
    height: 120,
    data: { values: timeline.map(({ sweep, seconds }) => ({ sweep, seconds })) },
    mark: { type: 'line', interpolate: 'step-after', color: 'var(--text)', strokeWidth: 1.5 },
    encoding: {
      x,
      y: { field: 'seconds', type: 'quantitative', axis: { title: 'seconds', tickCount: 4 } },
    },
  })
}
