import type { FlexgenEngine, RunPrediction } from 'flexgen'
import { formatBytes, threeDigits } from '../format/format-bytes.ts'
import { formatDuration } from '../format/format-duration.ts'
import { formatTable } from '../format/format-table.ts'

/** The report of a run, as the front door gives it. */
export type Report = ReturnType<FlexgenEngine['report']>

/** The plan of a run, as the front door gives it. */
export type Plan = FlexgenEngine['plan']

interface ByTier {
  readonly device: number
  readonly ram: number
  readonly disk: number
}

function tiers({ device, ram, disk }: ByTier, format: (value: number) => string): string {
  return [device, ram, disk].map(format).join(' / ')
}

/** Requested and realised placement, and what lies where. */
export function describePlacement({ placement }: Report): string[] {
  const percent = (value: number): string => String(Number(value.toFixed(1)))
  const kinds = [
    ['weights', placement.weights],
    ['KV cache', placement.cache],
    ['activations', placement.activations],
  ] as const
  return formatTable([
    ['device / RAM / disk', 'requested %', 'realised %', 'bytes'],
    ...kinds.map(([name, { requested, realised, bytes }]) => [
      name,
      tiers(requested, percent),
      tiers(realised, percent),
      tiers(bytes, formatBytes),
    ]),
  ])
}

/** Times, speed and memory of a run. */
export function describeSpeed(report: Report): string[] {
  const { loadSeconds, prefillSeconds, decodeSeconds, promptTokens, newTokens, sequences } = report
  const rate = (value: number): string =>
    value > 0 && Number.isFinite(value) ? ` (${threeDigits(value)} tokens/s)` : ''
  return [
    `${report.model} on ${report.backend} (${report.device})`,
    `${count(sequences, 'prompt')} with ${count(promptTokens, 'token')}, ${count(newTokens, 'new token')}${rate(report.totalTokensPerSecond)}`,
    `load ${formatDuration(loadSeconds)}, prefill ${formatDuration(prefillSeconds)}${rate(report.prefillTokensPerSecond)}, decode ${formatDuration(decodeSeconds)}${rate(report.decodeTokensPerSecond)}`,
    ...describeTraffic(report),
    describePeaks(report),
  ]
}

/** The most that was held, and the most that was planned: with what has come since where placement follows the run. */
function describePeaks({ plan, replacement, ...peaks }: Report): string {
  const ramBytes = replacement?.plannedPeak.ram ?? plan.ram.total
  const deviceBytes = replacement?.plannedPeak.device ?? 0
  const ofDevice = deviceBytes === 0 ? '' : ` of ${formatBytes(deviceBytes)} planned`
  return (
    `peak: RAM ${formatBytes(peaks.peakRamBytes)} of ${formatBytes(ramBytes)} planned, ` +
    `device ${formatBytes(peaks.peakDeviceBytes)}${ofDevice}, scratch on disk ${formatBytes(peaks.peakDiskBytes)}`
  )
}

/** What was expected of a run beside what it did; nothing where nothing was. */
export function describePrediction(prediction: RunPrediction | undefined): string[] {
  if (prediction === undefined) return []
  const { hardware, isAssumed, predicted, measured, correction } = prediction
  const title = `expected (${isAssumed ? 'assumed speeds' : hardware})`
  const basis = correction.runs > 0 ? [`corrected by ${count(correction.runs, 'past run')} on this machine`] : []
  const row = (name: string, of: (figures: RunPrediction['measured']) => number, format: (value: number) => string) =>
    of(measured) === 0 && of(predicted) === 0
      ? []
      : [[name, format(of(predicted)), format(of(measured)), ratioOf(of(measured), of(predicted))]]
  const rows = formatTable([
    [title, 'predicted', 'measured', 'ratio'],
    ...row('prefill', (figures) => figures.prefillSeconds, formatDuration),
    ...row('decode step', (figures) => figures.decodeStepSeconds, formatDuration),
    ...row('peak RAM', (figures) => figures.peakRamBytes, formatBytes),
    ...row('peak device', (figures) => figures.peakDeviceBytes, formatBytes),
    ...row('peak scratch on disk', (figures) => figures.peakDiskBytes, formatBytes),
  ])
  return [...rows, ...basis]
}

function ratioOf(measured: number, predicted: number): string {
  return predicted === 0 ? '-' : (measured / predicted).toFixed(2)
}

/** What the disk moved; nothing where nothing lies on it. */
function describeTraffic({ sweeps }: Report): string[] {
  const sum = (bytesOf: (sweep: Report['sweeps'][number]) => Report['sweeps'][number]['diskBytesRead']): number =>
    sweeps.reduce((total, sweep) => total + Object.values(bytesOf(sweep)).reduce((a: number, b) => a + b, 0), 0)
  const readBytes = sum((sweep) => sweep.diskBytesRead)
  const writtenBytes = sum((sweep) => sweep.diskBytesWritten)
  if (readBytes + writtenBytes === 0) return []
  const perSweep = formatBytes(readBytes / sweeps.length)
  return [
    `disk: ${formatBytes(readBytes)} read in ${count(sweeps.length, 'sweep')}, ${perSweep} each; ${formatBytes(writtenBytes)} written`,
  ]
}

/** What a run may hold at most, part by part. */
export function describePlan({ ram, deviceBytes, diskBytes }: Plan): string[] {
  const parts = Object.entries(ram).filter(([name, bytes]) => name !== 'total' && bytes > 0)
  const words = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return [
    `plan: RAM ${formatBytes(ram.total)}, device ${formatBytes(deviceBytes)}, scratch on disk ${formatBytes(diskBytes)}`,
    ...formatTable(parts.map(([name, bytes]) => [`  ${words(name)}`, formatBytes(bytes)])),
  ]
}

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`
}
