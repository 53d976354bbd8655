import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type Fence, listFences } from './fences.ts'

/** The checkout. */
export const root = path.resolve(import.meta.dirname, '../../..')

/** A Markdown file of the documentation. */
export interface Page {
  /** From the root of the repository, with slashes: `docs/guides/generate.md`. */
  readonly name: string
  readonly markdown: string
  readonly fences: readonly Fence[]
}

/** Pages that a test of their own follows literally, from the root of the repository; here they are only looked at. */
export const followedElsewhere: Readonly<Record<string, string>> = {
  'docs/guides/add-a-backend.md': 'examples/toy-backend',
  'docs/guides/add-a-model.md': 'examples/gpt2',
}

/** Pages outside docs/ with commands; what packages have in README files is run where they are packed. */
const outside = ['README.md', 'apps/bench/README.md', 'apps/cli/README.md']

/** The README of the repository and of its commands, and every page of docs/ that people write, in the order of their names. */
export function listPages(): Page[] {
  const names = globSync('docs/**/*.md', { cwd: root, exclude: ['docs/api/**', 'docs/.vitepress/**'] })
  return [...outside, ...names.map((name) => name.replaceAll('\\', '/')).toSorted()].map((name) => readPage(name))
}

/** One page by its name. */
export function readPage(name: string): Page {
  const markdown = readFileSync(path.join(root, name), 'utf8')
  return { name, markdown, fences: listFences(markdown) }
}

/** Whether the page is there yet: navigation lists it only then. */
export function hasPage(name: string): boolean {
  return existsSync(path.join(root, name))
}
