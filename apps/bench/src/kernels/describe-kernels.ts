import { formatBytes, formatNumber, formatPercent } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import type { KernelLimits, KernelReport, KernelRow } from './kernel-report.ts'

/** Column titles of the table of kernels. */
export const kernelColumns = [
  '',
  'threads',
  'median',
  '8 of 10 runs',
  'reads',
  'computes',
  'limit',
  'of it',
  'float16 =',
] as const

/** A row of the table of kernels, cell by cell. */
export function kernelCells(row: KernelRow): string[] {
  const { medianMs, lowMs, highMs, readBytes, multiplies, limitMs, bound, threads, timesFloat16 } = row
  return [
    row.title,
    String(threads),
    `${formatNumber(medianMs)} ms`,
    `${formatNumber(lowMs)} to ${formatNumber(highMs)} ms`,
    `${formatBytes((1e3 * readBytes) / medianMs)}/s`,
    `${formatNumber((2 * multiplies) / medianMs / 1e6)} GFLOP/s`,
    bound,
    formatPercent(limitMs / medianMs),
    timesFloat16 === undefined ? '' : `${timesFloat16.toFixed(2)} x`,
  ]
}

/** The limits of the machine in a sentence. */
export function describeLimits({ threads, ...limits }: KernelLimits): string {
  const giga = (value: number): string => `${formatNumber(value / 1e9)} G/s`
  return (
    `${threads} ${threads === 1 ? 'thread reads' : 'threads read'} ${formatBytes(limits.readBytesPerSecond)}/s, ` +
    `multiply ${giga(limits.multipliesPerSecond)} in float32 and ${giga(limits.pairMultipliesPerSecond)} as bfloat16 pairs`
  )
}

/** What was measured, as lines for a terminal. */
export function describeKernels({ machine, level, limits, rows, call, loadAverages }: KernelReport): string[] {
  const [before, after] = loadAverages.map(formatNumber)
  const parts = [...new Set(rows.map(({ part }) => part))]
  return [
    `${machine.processor}, kernels for ${level}; load ${before} before, ${after} at the end`,
    ...limits.map(describeLimits),
    ...parts.flatMap((part) => {
      const own = rows.filter((row) => row.part === part)
      return ['', `${part}:`, ...formatTable([kernelColumns, ...own.map(kernelCells)])]
    }),
    '',
    `a call takes JavaScript ${formatNumber(call.issueMicroseconds)} us, until it hears of the end ` +
      `${formatNumber(call.roundTripMicroseconds)} us`,
  ]
}
