import { formatBytes, formatNumber } from '../format/format-amount.ts'
import { formatTable } from '../format/format-table.ts'
import { describeReplacement } from '../log/format-log.ts'
import type { BenchReport } from './bench-report.ts'
import { describePredictions } from './describe-prediction.ts'
import type { SpeedRatio } from './comparison.ts'
import type { Spread } from './spread.ts'

const spread = (value: Spread | undefined, format: (amount: number) => string = formatNumber): string => {
  if (value === undefined) return '-'
  const median = format(value.median)
  return value.values.length === 1 ? median : `${median} [${format(value.min)}..${format(value.max)}]`
}

/** What was measured, as lines for a terminal: medians with their range, then ratios. */
export function describeReport({ sides, comparison, settings, sittings }: BenchReport): string[] {
  const rows = sides.map(({ title, summary, failure }) =>
    summary === undefined
      ? [title, `${failure?.code ?? 'not measured'}`]
      : [
          title,
          spread(summary.prefillSeconds),
          spread(summary.decodeSeconds),
          spread(summary.decodeTokensPerSecond),
          spread(summary.totalTokensPerSecond),
          spread(summary.peakRssBytes, formatBytes),
        ],
  )
  const repetitions = `median of ${settings.repeat}${settings.repeat > 1 ? ' [min..max]' : ''}`
  return [
    ...formatTable([[repetitions, 'prefill s', 'decode s', 'decode tok/s', 'total tok/s', 'peak RSS'], ...rows]),
    ...(sittings > 1 ? [`measured in ${sittings} sittings: what lies in different ones was not side by side`] : []),
    ...sides.flatMap(({ title, failure }) =>
      failure === undefined ? [] : [`${title}: ${failure.code}: ${failure.message}`],
    ),
    ...sides.flatMap(describeTasks),
    ...sides.flatMap(describeDeviceLinks),
    ...sides.flatMap(({ title, typical }) => {
      const { replacement } = typical?.measurement ?? {}
      return replacement === undefined ? [] : [`${title}: ${describeReplacement(replacement)}`]
    }),
    ...describePredictions({ sides }),
    ...(comparison === undefined ? [] : ['', ...describeComparison(sides, comparison)]),
  ]
}

/** How busy the link to the device was while tokens were made, and how fast then. */
function describeDeviceLinks({ title, links }: BenchReport['sides'][number]): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  return links.flatMap(({ link, phase, busy, bytesPerSecond, utilisation }) => {
    if (busy === undefined || phase !== 'decode') return []
    // What it gives alone is the speed over the whole phase, by its share of that.
    const alone = utilisation === undefined ? undefined : bytesPerSecond / utilisation
    const ofAlone =
      alone === undefined
        ? ''
        : `, ${percent(busy.bytesPerSecond / alone)} of the ${formatBytes(alone)}/s it gives alone`
    return [
      `${title}: link ${link} busy ${percent(busy.share)} of decoding, at ${formatBytes(busy.bytesPerSecond)}/s then${ofAlone}`,
    ]
  })
}

/** Where the time of a breakdown went, phase by phase. */
function describeTasks({ title, typical }: BenchReport['sides'][number]): string[] {
  const { tasks, phaseSeconds } = typical?.measurement ?? {}
  if (tasks === undefined || phaseSeconds === undefined) return []
  const share = (seconds: number, whole: number): string => `${((100 * seconds) / whole).toFixed(1)} %`
  return (['prefill', 'decode'] as const).flatMap((phase) => {
    const mine = tasks.filter((each) => each.phase === phase)
    if (mine.length === 0) return []
    const whole = phaseSeconds[phase]
    const known = mine.reduce((sum, { seconds }) => sum + seconds, 0)
    return [
      '',
      ...formatTable([
        [`${title}, ${phase}`, 'seconds', 'share'],
        ...mine.map(({ task, seconds }) => [task, seconds.toFixed(3), share(seconds, whole)]),
        ['accounted for', known.toFixed(3), share(known, whole)],
        ['wall time', whole.toFixed(3), ''],
      ]),
    ]
  })
}

function describeComparison(
  sides: BenchReport['sides'],
  { base, sides: compared }: NonNullable<BenchReport['comparison']>,
): string[] {
  const ratio = (value: SpeedRatio | undefined): string => {
    if (value === undefined) return '-'
    const { ofMedians, pairs } = value
    const range = pairs === undefined || pairs.values.length < 2 ? '' : ` [${times(pairs.min)}..${times(pairs.max)}]`
    return times(ofMedians) + range
  }
  return formatTable([
    [`speed against ${sides[base]!.title}`, 'prefill', 'decode', 'total', 'peak RSS'],
    ...compared.map(({ side, prefill, decode, total, peakRss }) => [
      sides[side]!.title,
      ratio(prefill),
      ratio(decode),
      ratio(total),
      peakRss === undefined ? '-' : times(peakRss),
    ]),
  ])
}

function times(value: number): string {
  return `${value.toFixed(2)}x`
}
