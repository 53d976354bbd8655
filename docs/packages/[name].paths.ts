import { readPage } from '../../packages/docs-site/src/pages.ts'
import { extraPages } from '../../packages/docs-site/src/repository-pages.ts'

export default {
  paths: () => extraPages.map(({ name, file }) => ({ params: { name }, content: readPage(file).markdown })),
}
