/** Markup that needs no escaping any more. */
export interface Markup {
  readonly markup: string
}

/** Values that may stand in a template: texts are escaped, lists joined, nothing is left out. */
export type Insert = string | number | Markup | readonly Insert[] | undefined | false

/** Markup from a template; what is inserted is escaped unless it is markup itself. */
export function html(strings: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return { markup: strings.map((text, i) => text + (i < inserts.length ? toText(inserts[i]) : '')).join('') }
}

/** Text that is markup already, such as a plot. */
export function markup(text: string): Markup {
  return { markup: text }
}

function toText(insert: Insert): string {
  if (insert === undefined || insert === false) return ''
  if (typeof insert === 'object') {
    return 'markup' in insert ? insert.markup : insert.map(toText).join('')
  }
  return String(insert)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
