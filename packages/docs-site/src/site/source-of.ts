import { extraPages } from '../repository-pages.ts'

/** The file of the repository behind a page: `measurements/index.md` is `docs/measurements/README.md`. */
export function sourceOf(relativePath: string): string {
  const shown = /^packages\/(.+)\.md$/.exec(relativePath)?.[1]
  const page = extraPages.find(({ name }) => name === shown)
  return page?.file ?? `docs/${relativePath.replace(/(.+)\/index\.md$/, '$1/README.md')}`
}
