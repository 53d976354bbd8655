import { hasPage } from './pages.ts'
import { listPackages } from './packages.ts'

/** A Markdown file outside docs/ that the site shows, at `/packages/NAME`. */
export interface RepositoryPage {
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  /** Page of the API reference where it is a package's. */
  readonly api?: string | undefined
}

/** README files of packages and examples, and what else pages link to. */
export const extraPages: readonly RepositoryPage[] = [
  { name: 'contributing', file: 'CONTRIBUTING.md' },
  { name: 'changelog', file: 'CHANGELOG.md' },
  { name: 'demo-model-card', file: 'packages/demo-model/MODEL_CARD.md' },
  { name: 'bench-held-out', file: 'apps/bench/data/held-out/README.md' },
  { name: 'example-toy-backend', file: 'examples/toy-backend/README.md' },
  { name: 'example-gpt2', file: 'examples/gpt2/README.md' },
  ...listPackages().map(({ folder, api }) => ({ name: folder.split('/')[1]!, file: `${folder}/README.md`, api })),
].filter(({ file }) => hasPage(file))
