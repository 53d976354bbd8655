import { logFiguresOf } from '../log/log-figures.ts'
import type { MeasuredLink } from '../measure/measured-link.ts'
import type { Failure, Repetition } from '../run/outcome.ts'
import type { ResultLine } from '../run/results-file.ts'
import type { Side } from '../run/side.ts'
import type { Machine } from '../system/machine.ts'
import type { BenchReport } from './bench-report.ts'
import { compareSides } from './comparison.ts'
import { linkUsesOf } from './link-use.ts'
import type { NumberedRepetition, SideReport, SideSummary } from './side-report.ts'
import { type Spread, spreadOf } from './spread.ts'

/** What a report is built from. */
export interface ReportParts {
  readonly title: string
  readonly machine: Machine
  readonly settings: BenchReport['settings']
  readonly sides: readonly Side[]
  readonly links: readonly MeasuredLink[]
  readonly results: readonly ResultLine[]
  /** Sides that failed while they warmed up, by index. */
  readonly failures: ReadonlyMap<number, Failure>
}

/** Puts a report together; pure but for the time that it is dated with. */
export function buildReport({ title, machine, settings, sides, links, results, failures }: ReportParts): BenchReport {
  const reports = sides.map((side, index) => {
    const mine = results.filter((line) => line.side === index)
    return sideReport(side, mine, failures.get(index), links)
  })
  const comparison = compareSides(reports)
  return {
    flexgenBench: 1,
    title,
    createdAt: new Date().toISOString(),
    machine,
    settings,
    sittings: new Set(results.map(({ sitting }) => sitting)).size,
    links,
    sides: reports,
    ...(comparison !== undefined && { comparison }),
  }
}

type FullRepetition = Repetition & Pick<NumberedRepetition, 'repetition' | 'sitting'>

function sideReport(
  side: Side,
  lines: readonly ResultLine[],
  warmUpFailure: Failure | undefined,
  links: readonly MeasuredLink[],
): SideReport {
  const full = lines
    .flatMap(({ outcome, repetition, sitting }) => (outcome.ok ? [{ ...outcome.repetition, repetition, sitting }] : []))
    .toSorted((a, b) => a.repetition - b.repetition)
  const failure = warmUpFailure ?? lines.flatMap(({ outcome }) => (outcome.ok ? [] : [outcome.failure]))[0]
  const typical = typicalOf(full)
  const measurement = typical?.measurement
  return {
    kind: side.kind,
    title: side.title,
    command: side.command,
    repetitions: full.map(withoutDetails),
    ...(full.length > 0 && { summary: summaryOf(full) }),
    ...(failure !== undefined && { failure }),
    ...(typical !== undefined && { typical }),
    ...(measurement !== undefined && {
      log: logFiguresOf(measurement.sizes, { ...measurement, ...measurement.work }),
    }),
    links: measurement === undefined || side.kind === 'command' ? [] : linkUsesOf(measurement, side.settings, links),
  }
}

/** The repetition whose total time is the median; the faster of the middle two. */
function typicalOf(repetitions: readonly FullRepetition[]): SideReport['typical'] {
  const total = ({ prefillSeconds, decodeSeconds }: Repetition): number => prefillSeconds + decodeSeconds
  const sorted = repetitions.toSorted((a, b) => total(a) - total(b))
  const found = sorted[Math.floor((sorted.length - 1) / 2)]
  if (found === undefined) return undefined
  const { sitting: _sitting, ...typical } = found
  return typical
}

/** A repetition without what fills pages: the time series and the engine's details. */
function withoutDetails({ measurement: _measurement, processMemory, ...rest }: FullRepetition): NumberedRepetition {
  return { ...rest, ...(processMemory !== undefined && { processMemory: { ...processMemory, samples: [] } }) }
}

function summaryOf(repetitions: readonly FullRepetition[]): SideSummary {
  const spread = (value: (repetition: FullRepetition) => number): Spread => spreadOf(repetitions.map(value))
  const known = (value: (repetition: FullRepetition) => number | undefined): Spread | undefined => {
    const values = repetitions.map(value).filter((each) => each !== undefined)
    return values.length === 0 ? undefined : spreadOf(values)
  }
  const prefillTokensPerSecond = known((each) => each.prefillTokensPerSecond)
  const totalTokensPerSecond = known((each) => each.totalTokensPerSecond)
  const peakRssBytes = known((each) => each.processMemory?.peakRssBytes)
  return {
    wallSeconds: spread((each) => each.wallSeconds),
    prefillSeconds: spread((each) => each.prefillSeconds),
    decodeSeconds: spread((each) => each.decodeSeconds),
    ...(prefillTokensPerSecond !== undefined && { prefillTokensPerSecond }),
    decodeTokensPerSecond: spread((each) => each.decodeTokensPerSecond),
    ...(totalTokensPerSecond !== undefined && { totalTokensPerSecond }),
    ...(peakRssBytes !== undefined && { peakRssBytes }),
  }
}
