import { formatBytes, formatPercent, formatSeconds } from '../../format/format-amount.ts'
import type { Measurement } from '../../measure/measurement.ts'
import { html, type Markup } from '../html.ts'

/** The numbers behind the plots. */
export function numbers({ queues, phaseSeconds, plan, peakRamBytes, disk, replacement }: Measurement): Markup {
  const words = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  const parts = Object.entries(plan.ramBytes).filter(([name, bytes]) => name !== 'total' && bytes > 0)
  return html`<details>
    <summary>Numbers</summary>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>queue</th>
            <th>phase</th>
            <th>busy</th>
            <th>share of the phase</th>
            <th>moved</th>
          </tr>
        </thead>
        <tbody>
          ${queues.map(
            ({ queue, phase, busySeconds, sizeBytes }) =>
              html`<tr>
                <td>${queue}</td>
                <td>${phase}</td>
                <td>${formatSeconds(busySeconds)}</td>
                <td>${formatPercent(busySeconds / phaseSeconds[phase])}</td>
                <td>${sizeBytes > 0 ? formatBytes(sizeBytes) : '–'}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>disk</th>
            <th>weights</th>
            <th>KV</th>
            <th>hidden states</th>
          </tr>
        </thead>
        <tbody>
          ${disk.flatMap(({ phase, read, written }) =>
            (
              [
                [`${phase}, read`, read],
                [`${phase}, written`, written],
              ] as const
            ).map(
              ([name, bytes]) =>
                html`<tr>
                  <td>${name}</td>
                  <td>${formatBytes(bytes.weights)}</td>
                  <td>${formatBytes(bytes.cache)}</td>
                  <td>${formatBytes(bytes.hidden)}</td>
                </tr>`,
            ),
          )}
        </tbody>
      </table>
    </div>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>RAM, planned at most</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${parts.map(
            ([name, bytes]) =>
              html`<tr>
                <td>${words(name)}</td>
                <td>${formatBytes(bytes)}</td>
              </tr>`,
          )}
          <tr>
            <td>all</td>
            <td>${formatBytes(plan.ramBytes['total'] ?? 0)}</td>
          </tr>
          ${
            replacement !== undefined &&
            html`<tr>
              <td>at the fullest moment, with what was moved</td>
              <td>${formatBytes(replacement.plannedPeak.ram)}</td>
            </tr>`
          }
          <tr>
            <td>measured peak of the engine</td>
            <td>${formatBytes(peakRamBytes)}</td>
          </tr>
        </tbody>
      </table>
    </div>
  </details>`
}
