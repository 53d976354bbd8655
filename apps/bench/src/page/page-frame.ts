import { formatBytes } from '../format/format-amount.ts'
import type { Machine } from '../system/machine.ts'
import { html, markup, type Markup } from './html.ts'
import { style } from './style.ts'

/** What stands in a page. */
export interface PageParts {
  readonly title: string
  readonly machine: Machine
  /** In ISO form. */
  readonly createdAt: string
  /** The figures that a reader looks for first. */
  readonly cards: Markup
  readonly body: Markup
  /** How it was measured. */
  readonly footer: Markup
}

/** A whole page of HTML that needs nothing else: no script, no font, no image of its own. */
export function pageFrame({ title, machine, createdAt, cards, body, footer }: PageParts): string {
  const when = new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}: FlexGen benchmark</title>
        <style>
          ${markup(style)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>${title}</h1>
            <p class="quiet">
              ${when} UTC, ${machine.processor}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)} of memory,
              ${machine.platform}, Node ${machine.nodeVersion}, FlexGen for Node ${machine.flexgenVersion}
            </p>
            ${cards}
          </header>
          ${body}
          <footer class="quiet"><p>${footer}</p></footer>
        </main>
      </body>
    </html> `
  return page.markup
}
