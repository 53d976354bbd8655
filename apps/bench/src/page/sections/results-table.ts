import { formatBytes, formatNumber } from '../../format/format-amount.ts'
import type { BenchReport } from '../../report/bench-report.ts'
import type { SpeedRatio } from '../../report/comparison.ts'
import type { Spread } from '../../report/spread.ts'
import { html, type Markup } from '../html.ts'

/** All sides with medians and ranges, and the speed against one of them. */
export function resultsTable({ sides, comparison }: BenchReport): Markup {
  const base = comparison === undefined ? undefined : sides[comparison.base]!
  const rows = sides.map((side, index) => {
    const { title, summary, failure } = side
    if (summary === undefined) {
      return html`<tr>
        <td>${title}</td>
        <td class="bad" colspan="6" style="text-align:left;white-space:normal">
          ${failure === undefined ? 'not measured' : `${failure.code}: ${failure.message}`}
        </td>
      </tr>`
    }
    const compared = comparison?.sides.find((each) => each.side === index)
    return html`<tr>
      <td>${title}</td>
      <td>${cell(summary.decodeTokensPerSecond)}</td>
      <td>${cell(summary.totalTokensPerSecond)}</td>
      <td>${cell(summary.prefillSeconds)}</td>
      <td>${cell(summary.decodeSeconds)}</td>
      <td>${cell(summary.peakRssBytes, formatBytes)}</td>
      ${base !== undefined && html`<td>${ratio(compared?.decode)}</td>`}
    </tr>`
  })
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>median <small>min to max</small></th>
          <th>decode, tokens/s</th>
          <th>total, tokens/s</th>
          <th>prefill, s</th>
          <th>decode, s</th>
          <th>peak memory</th>
          ${base !== undefined && html`<th>decode against<br />${base.title}</th>`}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

function cell(spread: Spread | undefined, format: (value: number) => string = formatNumber): Markup {
  if (spread === undefined) return html`–`
  const range = spread.values.length > 1 && html`<br /><small>${format(spread.min)} to ${format(spread.max)}</small>`
  return html`${format(spread.median)}${range}`
}

function ratio(value: SpeedRatio | undefined): Markup {
  if (value === undefined) return html`–`
  const { ofMedians, pairs } = value
  const range =
    pairs !== undefined &&
    pairs.values.length > 1 &&
    html`<br /><small>${pairs.min.toFixed(2)} to ${pairs.max.toFixed(2)}</small>`
  return html`${ofMedians.toFixed(2)}x${range}`
}
