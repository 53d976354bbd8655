import { formatNumber, formatSeconds } from '../format/format-amount.ts'
import { html, type Markup } from '../page/html.ts'
import { pageFrame } from '../page/page-frame.ts'
import { risePlot } from '../page/plots/rise-plot.ts'
import { renderFigure } from '../page/render-plot.ts'
import { card } from '../page/sections/summary-cards.ts'
import { formatPerplexity, formatRise, verdictOf } from './describe-quality.ts'
import type { QualityReport, QualityRow } from './quality-report.ts'

/** The report of the suite `quality` as one page of HTML. */
export async function renderQualityPage(report: QualityReport): Promise<string> {
  const { title, machine, createdAt, rows, model, windows, windowTokens, strideTokens, command, notices } = report
  const [baseline] = rows
  return pageFrame({
    title,
    machine,
    createdAt,
    cards: qualityCards(report),
    body: html`<h2>Perplexity</h2>
      ${qualityTable(rows)}
      <h2>Rise</h2>
      <div class="plots">${await riseFigure(rows)}</div>
      ${notices.map((notice) => html`<p class="quiet">Note: ${notice}</p>`)}
      <details>
        <summary>Command</summary>
        <pre>${command}</pre>
      </details>`,
    footer: html`Perplexity per token of ${model} on ${baseline?.tokens ?? 0} tokens of text that the demo model never
    saw, in ${windows} windows of at most ${windowTokens} tokens. The first window of a document scores all its tokens,
    each further one the next ${strideTokens}, from at least ${windowTokens - strideTokens - 1} tokens before them. All
    variants score the same tokens; those with a part of V score each in a decode step of its own. Raw values:
    report.json, report.csv.`,
  })
}

function qualityCards({ rows }: QualityReport): Markup {
  const [baseline] = rows
  const goals = rows.flatMap(({ passes }) => passes ?? [])
  return html`<div class="cards">
    ${baseline?.perplexity !== undefined && card(formatPerplexity(baseline.perplexity), 'perplexity', `${baseline.title}, the baseline`)}
    ${goals.length > 0 && card(`${goals.filter(Boolean).length} of ${goals.length}`, 'goals', 'met')}
    ${card(formatNumber(baseline?.tokens ?? 0), 'tokens', 'of held-out text')}
  </div>`
}

function qualityTable(rows: readonly QualityRow[]): Markup {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th></th>
          <th>perplexity</th>
          <th>rise</th>
          <th>goal</th>
          <th>backend</th>
          <th>time</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(qualityRow)}
      </tbody>
    </table>
  </div>`
}

function qualityRow(row: QualityRow): Markup {
  const { title, perplexity, risePercent, backend, seconds, failure, passes } = row
  if (perplexity === undefined) {
    return html`<tr>
      <td>${title}</td>
      <td class="quiet" colspan="5" style="text-align:left;white-space:normal">
        not measured${failure !== undefined && `: ${failure.message}`}
      </td>
    </tr>`
  }
  const goal = verdictOf(row)
  return html`<tr>
    <td>${title}</td>
    <td>${formatPerplexity(perplexity)}</td>
    <td>${risePercent === undefined ? '–' : formatRise(risePercent)}</td>
    <td>${passes === false ? html`<span class="bad">${goal}</span>` : goal}</td>
    <td>${backend}</td>
    <td>${seconds !== undefined && formatSeconds(seconds)}</td>
  </tr>`
}

async function riseFigure(rows: readonly QualityRow[]): Promise<Markup> {
  const bars = rows.flatMap(({ title, risePercent, limitPercent }) =>
    risePercent === undefined ? [] : [{ title, percent: risePercent, label: formatRise(risePercent), limitPercent }],
  )
  if (bars.length === 0) return html``
  return renderFigure({
    title: 'Rise of perplexity',
    about: 'Over float32 arithmetic, in percent; a mark stands at the goal where there is one.',
    size: 'full',
    plot: risePlot(bars),
  })
}
