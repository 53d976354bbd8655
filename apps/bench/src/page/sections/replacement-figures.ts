import type { ReplacementReport } from '@flexgen/core'
import { formatSeconds } from '../../format/format-amount.ts'
import { describeReplacement } from '../../log/format-log.ts'
import { tierColours } from '../colours.ts'
import { html, type Markup } from '../html.ts'
import { plannedPlot, replacementPlot, sweepSecondsPlot } from '../plots/replacement-plot.ts'
import { renderFigure } from '../render-plot.ts'

/** How placement went with the run, and every decision. */
export async function replacementFigures(replacement: ReplacementReport): Promise<Markup> {
  return html`${await renderFigure({
    title: 'Placement, token by token',
    about: 'Shares of the KV are drawn to the height of the area; a thin line is a decision.',
    size: 'half',
    legend: [
      { label: 'weights kept', colour: tierColours.device },
      { label: 'KV on the device', colour: 'var(--text)', isLine: true },
      { label: 'and attended on the host', colour: tierColours.RAM, isLine: true },
    ],
    plot: replacementPlot(replacement),
  })}
  ${await renderFigure({
    title: 'Memory planned, token by token',
    about: 'The plan of the run with what was pinned and moved since: of the device, or of RAM where the two are one.',
    size: 'half',
    legend: [
      { label: 'planned', colour: tierColours.device },
      { label: 'limit', colour: 'var(--text)', isLine: true },
    ],
    plot: plannedPlot(replacement),
  })}
  ${await renderFigure({
    title: 'Seconds of every token',
    about: describeReplacement(replacement),
    size: 'half',
    plot: sweepSecondsPlot(replacement),
  })}`
}

/** Every decision of re-placement, as a table. */
export function replacementTable({ steps }: ReplacementReport): Markup | false {
  const gain = (seconds: number | undefined): string => (seconds === undefined ? '' : formatSeconds(seconds))
  return (
    steps.length > 0 &&
    html`<details>
      <summary>${steps.length} decisions of re-placement</summary>
      <table>
        <tr>
          <th>token</th>
          <th>what</th>
          <th>why</th>
          <th>predicted gain a token</th>
          <th>measured</th>
        </tr>
        ${steps.map(
          ({ sweep, what, why, predictedGainSeconds, measuredGainSeconds }) =>
            html`<tr>
              <td>${sweep}</td>
              <td>${what}</td>
              <td>${why}</td>
              <td>${gain(predictedGainSeconds)}</td>
              <td>${gain(measuredGainSeconds)}</td>
            </tr>`,
        )}
      </table>
    </details>`
  )
}
