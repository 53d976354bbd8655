import { listPages } from '../src/pages.ts'
import { describeBlocks } from './support/describe-blocks.ts'

// Blocks may build on those before them: a page with a slow one is run as a whole.
const pages = listPages().filter(({ fences }) => fences.some(({ isSlow }) => isSlow))

describeBlocks(pages, () => true, 600_000)
