import { globSync } from 'node:fs'
import path from 'node:path'
import type { UserConfig } from 'vitepress'
import { useNeeds, useRepositoryLinks } from '../markdown/markdown-plugins.ts'
import { root } from '../pages.ts'
import { sourceOf } from './source-of.ts'
import { nav, sidebar } from './navigation.ts'
import { serveFiles } from './serve-files.ts'
import { writeTexts } from './write-texts.ts'

const style = `
.needs { margin: -8px 0 16px; font-size: 13px; color: var(--vp-c-text-2); }
.vp-doc img[src*='.svg'] { width: 100%; }
.VPHome .vp-doc { max-width: 1152px; margin: 0 auto; padding: 48px 24px 96px; }
`

/** README.md of a folder is its index on the site. */
const rewrites = Object.fromEntries(
  globSync('**/README.md', { cwd: path.join(root, 'docs'), exclude: ['.vitepress/**'] })
    .map((file) => file.replaceAll('\\', '/'))
    .map((file) => [file, file.replace(/README\.md$/, 'index.md')]),
)

/** What VitePress builds docs/ with; a dead link is an error of the build. */
export const siteConfig: UserConfig = {
  title: 'FlexGen for Node',
  description: 'Language models that do not fit the GPU, or the RAM, from Node',
  lang: 'en',
  base: process.env['DOCS_BASE'] ?? '/',
  cleanUrls: true,
  rewrites,
  head: [['style', {}, style]],
  themeConfig: {
    nav: nav(),
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    footer: { message: 'Apache-2.0' },
  },
  markdown: {
    config: (markdown) => {
      useRepositoryLinks(markdown, sourceOf)
      useNeeds(markdown)
    },
  },
  // The index of the search is one chunk.
  vite: { plugins: [serveFiles()], build: { chunkSizeWarningLimit: 4000 } },
  buildEnd: writeTexts,
}
