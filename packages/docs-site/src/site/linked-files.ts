import { listPages } from '../pages.ts'
import { readPage } from '../pages.ts'
import { resolveLink } from '../markdown/links.ts'
import { extraPages } from '../repository-pages.ts'

/** Files of the repository that pages link to, from its root. */
export function linkedFiles(): string[] {
  const pages = [...listPages(), ...extraPages.map(({ file }) => readPage(file))]
  const targets = pages.flatMap(({ name, markdown }) =>
    [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => resolveLink(name, href)),
  )
  return [...new Set(targets.flatMap((target) => (target?.kind === 'file' ? [target.file] : [])))].toSorted()
}
