import { formatBytes, formatNumber } from '../../format/format-amount.ts'
import type { BenchReport } from '../../report/bench-report.ts'
import { html, type Markup } from '../html.ts'

/** The figures that a reader looks for first. */
export function summaryCards({ sides, comparison, settings }: BenchReport): Markup {
  const measured = sides.flatMap((side) => (side.summary === undefined ? [] : [{ ...side, summary: side.summary }]))
  if (measured.length === 0) return html``
  const best = measured.reduce((a, b) =>
    b.summary.decodeTokensPerSecond.median > a.summary.decodeTokensPerSecond.median ? b : a,
  )
  const smallest = measured
    .filter(({ summary }) => summary.peakRssBytes !== undefined)
    .toSorted((a, b) => a.summary.peakRssBytes!.median - b.summary.peakRssBytes!.median)[0]
  const against = sides[comparison?.base ?? 0]!
  const isAgainstForeign = comparison !== undefined && against.kind === 'command'
  const ratios = isAgainstForeign
    ? comparison.sides.flatMap(({ side, decode, prefill }) => [
        card(decode.ofMedians.toFixed(2), 'times', `decode speed, ${sides[side]!.title} against ${against.title}`),
        card(prefill.ofMedians.toFixed(2), 'times', `prefill speed, ${sides[side]!.title} against ${against.title}`),
      ])
    : []
  return html`<div class="cards">
    ${ratios.slice(0, 4)}
    ${card(formatNumber(best.summary.decodeTokensPerSecond.median), 'tokens/s', `fastest decode: ${best.title}`)}
    ${smallest !== undefined && card(...bytes(smallest.summary.peakRssBytes!.median), `smallest peak of memory: ${smallest.title}`)}
    ${card(String(measured.length), measured.length === 1 ? 'side' : 'sides', `${settings.repeat} measured ${settings.repeat === 1 ? 'run' : 'runs'} each, in turn`)}
  </div>`
}

/** One figure with its unit and what it is. */
export function card(figure: string, unit: string, about: string): Markup {
  return html`<div class="card">
    <b>${figure} <small>${unit}</small></b
    ><span>${about}</span>
  </div>`
}

function bytes(value: number): [figure: string, unit: string] {
  const [figure = '', unit = ''] = formatBytes(value).split(' ')
  return [figure, unit]
}
