import { formatSeconds } from '../../format/format-amount.ts'
import { formatLogLines } from '../../log/format-log.ts'
import type { Measurement } from '../../measure/measurement.ts'
import type { SideReport } from '../../report/side-report.ts'
import { html, type Markup } from '../html.ts'
import { numbers } from './numbers.ts'
import { replacementFigures, replacementTable } from './replacement-figures.ts'
import { memoryFigure, placementFigure, timelineFigure } from './side-figures.ts'
import { tasksFigures } from './tasks-figures.ts'

/** One side in detail: where its time went, what it held, where its data lay. */
export async function sideSection(side: SideReport, id: string): Promise<Markup> {
  const { title, command, failure, log, typical } = side
  const measurement = typical?.measurement
  const what =
    failure &&
    html`<p class="bad">${failure.code}: ${failure.message}<br /><span class="quiet">${failure.hint}</span></p>`
  return html`<section id="${id}">
    <h2>${title}</h2>
    ${what} ${measurement !== undefined && description(measurement)} ${await figures(typical)}
    <details>
      <summary>Command and log</summary>
      <pre>${command}${log !== undefined && `\n${formatLogLines(log).join('\n')}`}</pre>
    </details>
    ${measurement?.replacement !== undefined && replacementTable(measurement.replacement)}
    ${measurement !== undefined && numbers(measurement)}
  </section>`
}

async function figures(typical: SideReport['typical']): Promise<Markup | false> {
  const { measurement, processMemory } = typical ?? {}
  const samples = processMemory?.samples ?? []
  if (measurement !== undefined) {
    return html`<div class="plots">
      ${measurement.timeline && (await timelineFigure(measurement.timeline))} ${await tasksFigures(measurement)}
      ${await memoryFigure(measurement.memory, samples)} ${await placementFigure(measurement.placement)}
      ${measurement.replacement && (await replacementFigures(measurement.replacement))}
    </div>`
  }
  return samples.length > 1 && html`<div class="plots">${await memoryFigure([], samples)}</div>`
}

function description(measurement: Measurement): Markup {
  const { work, backend, device, loadSeconds, projected, phaseSeconds, notices } = measurement
  const blocks = Math.ceil(work.prompts / work.blockPrompts)
  const sentences = [
    `${work.prompts} prompts of ${work.promptTokens} tokens, ${work.newTokens} new tokens each${blocks > 1 ? `, in ${blocks} blocks` : ''}.`,
    `${backend} on ${device}; loaded in ${formatSeconds(loadSeconds)}.`,
    ...(projected ? [`Projected from ${formatSeconds(phaseSeconds.decode)} of decoding.`] : []),
  ]
  return html`<p class="quiet">${sentences.join(' ')}</p>
    ${notices.map((notice) => html`<p class="quiet">Note: ${notice}</p>`)}`
}
