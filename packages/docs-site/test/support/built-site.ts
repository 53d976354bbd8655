import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** A page of a built site: what it links to, and what can be linked to in it. */
export interface BuiltPage {
  /** Path in the output folder, with slashes. */
  readonly file: string
  readonly ids: ReadonlySet<string>
  readonly references: readonly string[]
}

const decode = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"')

/** Reads every HTML page of an output folder. */
export function readBuiltPages(folder: string): BuiltPage[] {
  return globSync('**/*.html', { cwd: folder }).map((file) => {
    const html = readFileSync(path.join(folder, file), 'utf8')
    const all = (pattern: RegExp) => [...html.matchAll(pattern)].map(([, value = '']) => decode(value))
    return {
      file: file.replaceAll('\\', '/'),
      ids: new Set(all(/\sid="([^"]+)"/g)),
      references: all(/\s(?:href|src)="([^"]+)"/g),
    }
  })
}

/** References that lead nowhere: to a page or file that is not there, or to an anchor that its page does not have. */
export function findBroken(pages: readonly BuiltPage[], files: ReadonlySet<string>): string[] {
  const byFile = new Map(pages.map((page) => [page.file, page]))
  return pages.flatMap(({ file, references }) =>
    references
      .filter((reference) => !/^(?:[a-z]+:|\/\/)/i.test(reference))
      .filter((reference) => {
        const url = new URL(reference, `http://site/${file}`)
        const at = decodeURIComponent(url.pathname).slice(1)
        const target = [at, `${at}.html`, `${at}index.html`].find((name) => byFile.has(name) || files.has(name))
        if (target === undefined) return true
        const anchor = decodeURIComponent(url.hash.slice(1))
        return anchor !== '' && byFile.get(target)?.ids.has(anchor) === false
      })
      .map((reference) => `${file}: ${reference}`),
  )
}
