import { InternalError } from '@flexgen/spec'

/**
 * The text of a page with a generated part anew: what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
 * @throws {InternalError} where the page has no such part
 */
export function fillPart(page: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = page.indexOf(start)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new InternalError(`the page has no part '${name}'`)
  return `${page.slice(0, from + start.length)}\n\n${content}\n\n${page.slice(to)}`
}
