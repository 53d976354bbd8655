import { formatNumber } from '../format/format-amount.ts'
import { html, type Markup } from '../page/html.ts'
import { pageFrame } from '../page/page-frame.ts'
import { renderFigure } from '../page/render-plot.ts'
import { card } from '../page/sections/summary-cards.ts'
import { describeLimits, kernelCells, kernelColumns } from './describe-kernels.ts'
import type { KernelReport, KernelRow } from './kernel-report.ts'
import { rooflinePlot } from './roofline-plot.ts'

/** The report of the suite `kernels` as one page of HTML. */
export async function renderKernelsPage(report: KernelReport): Promise<string> {
  const { title, machine, createdAt, rows, level, limits, call, loadAverages } = report
  const parts = [...new Set(rows.map(({ part }) => part))]
  const [limit] = limits
  return pageFrame({
    title,
    machine,
    createdAt,
    cards: html`<div class="cards">
      ${card(formatNumber(limit!.readBytesPerSecond / 1e9), 'GB/s', 'read from memory at most')}
      ${card(formatNumber((2 * limit!.multipliesPerSecond) / 1e9), 'GFLOP/s', 'in float32 at most')}
      ${card(formatNumber(call.issueMicroseconds), 'us', 'of JavaScript for a call')}
    </div>`,
    body: html`<h2>Under the roof</h2>
      <div class="plots">${await rooflineFigure(report)}</div>
      ${parts.map((part) => kernelTable(part, rows))}
      <h2>Limits</h2>
      ${limits.map((each) => html`<p>${describeLimits(each)}</p>`)}`,
    footer: html`Kernels for ${level}. Every run reads weights or KV that no cache holds. Limits are the best of 14
    passes before and behind the kernels, since others may use the machine: load ${formatNumber(loadAverages[0])}
    before, ${formatNumber(loadAverages[1])} at the end. Raw values: report.json.`,
  })
}

async function rooflineFigure(report: KernelReport): Promise<Markup> {
  return renderFigure({
    title: 'Roofline',
    about: 'Medians as points, eight of ten runs as lines; above them what memory and multiplications allow.',
    size: 'full',
    plot: rooflinePlot(report),
  })
}

function kernelTable(part: string, rows: readonly KernelRow[]): Markup {
  return html`<h2>${part.charAt(0).toUpperCase()}${part.slice(1)}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${kernelColumns.map((column) => html`<th>${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.filter((row) => row.part === part).map(kernelRow)}
        </tbody>
      </table>
    </div>`
}

function kernelRow(row: KernelRow): Markup {
  return html`<tr>
    ${kernelCells(row).map((cell) => html`<td>${cell}</td>`)}
  </tr>`
}
