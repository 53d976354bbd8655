import { formatBytes, threeDigits } from '../format/format-bytes.ts'
import { formatDuration } from '../format/format-duration.ts'
import { formatTable } from '../format/format-table.ts'
import type { Report } from '../output/describe-run.ts'

/** What the demo knows beside the report. */
export interface DemoMeasures {
  readonly maxRamBytes: number
  /** Seconds from the start of the process to the first token. */
  readonly firstTokenSeconds: number
}

/** Kinds of data by their names in the placement and in the traffic of a sweep. */
const kinds = [
  ['weights', 'weights', 'weights'],
  ['KV cache', 'cache', 'cache'],
  ['activations', 'activations', 'hidden'],
] as const

/** Where data lay and what the disk moved for every sweep: one token of each text. */
export function describeProof(report: Report, { maxRamBytes, firstTokenSeconds }: DemoMeasures): string[] {
  const { placement, sweeps } = report
  const percent = (value: number): string => `${Math.round(value)} %`
  const perSweep = (bytesOf: (sweep: Report['sweeps'][number]) => number): string =>
    formatBytes(sweeps.reduce((sum, sweep) => sum + bytesOf(sweep), 0) / sweeps.length)
  return [
    ...formatTable([
      ['', 'device', 'RAM', 'disk', 'read from disk', 'written'],
      ...kinds.map(([name, placed, moved]) => {
        const { device, ram, disk } = placement[placed].realised
        return [
          name,
          ...[device, ram, disk].map(percent),
          perSweep((sweep) => sweep.diskBytesRead[moved]),
          perSweep((sweep) => sweep.diskBytesWritten[moved]),
        ]
      }),
    ]),
    '',
    ...formatTable([
      ['RAM', `${formatBytes(report.peakRamBytes)} at most, of ${formatBytes(maxRamBytes)} allowed`],
      [
        'speed',
        `${threeDigits(report.totalTokensPerSecond)} tokens/s, the first after ${formatDuration(firstTokenSeconds)}`,
      ],
    ]),
  ]
}
