import { cpSync, globSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { SiteConfig } from 'vitepress'
import { titleOf } from '../markdown/title-of.ts'
import { readPage, root } from '../pages.ts'
import { linkedFiles } from './linked-files.ts'
import { sidebar } from './navigation.ts'
import { sourceOf } from './source-of.ts'

interface Text {
  readonly section: string
  readonly title: string
  /** Path on the site, without an ending. */
  readonly link: string
  readonly markdown: string
}

/** Sections of pages that nobody wrote. */
const generated = new Set(['API reference', 'Every run'])

/** Every page that people wrote, in the order of the side bar. */
function listTexts(): Text[] {
  return sidebar()
    .filter(({ text = '' }) => !generated.has(text))
    .flatMap(({ text: section = '', items = [] }) =>
      items.map(({ text = '', link = '/' }) => {
        const relative = link.endsWith('/') ? `${link.slice(1)}index.md` : `${link.slice(1)}.md`
        const markdown = readPage(sourceOf(relative)).markdown.replace(/^---\n[\s\S]*?\n---\n/, '')
        return { section, title: titleOf(markdown) ?? text, link: relative.replace(/\.md$/, ''), markdown }
      }),
    )
}

/** First sentence of a page; empty where it begins with a list or a table. */
export function summaryOf(markdown: string): string {
  const plain = markdown.replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '').replaceAll(/^(?:#|<!--).*$/gm, '')
  const [first = ''] = plain.split(/\n{2,}/).filter((paragraph) => paragraph.trim() !== '')
  if (/^\s*(?:[-|!<]|\d+\.)/.test(first)) return ''
  const words = first
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return (/^.*?[.](?= [A-Z]|$)/.exec(words)?.[0] ?? words).replace(/:$/, '.')
}

/** Text of `llms.txt`: what there is to read, a line a page. */
export function indexForModels(site: { readonly title: string; readonly description: string; readonly base: string }) {
  const texts = listTexts()
  const sections = [...new Set(texts.map(({ section }) => section))]
  return [
    `# ${site.title}`,
    '',
    `> ${site.description}`,
    '',
    `Everything in one file: [llms-full.txt](${site.base}llms-full.txt)`,
    ...sections.flatMap((section) => [
      '',
      `## ${section}`,
      '',
      ...texts
        .filter((text) => text.section === section)
        .map(({ title, link, markdown }) => `- [${title}](${site.base}${link}.md)${colon(summaryOf(markdown))}`),
    ]),
    '',
  ].join('\n')
}

const colon = (text: string) => (text === '' ? '' : `: ${text}`)

/** Runs after a build: `llms.txt`, `llms-full.txt`, every page as Markdown, and the files that pages link to. */
export function writeTexts({ outDir, site }: SiteConfig): void {
  writeFileSync(path.join(outDir, 'llms.txt'), indexForModels(site))
  const texts = listTexts()
  const whole = texts.map(({ link, markdown }) => `<!-- ${site.base}${link} -->\n\n${markdown.trim()}\n`)
  writeFileSync(path.join(outDir, 'llms-full.txt'), whole.join('\n'))
  for (const { link, markdown } of texts) write(path.join(outDir, `${link}.md`), markdown)
  for (const file of linkedFiles()) copy(file, path.join(outDir, 'files', file))
  for (const file of globSync('docs/measurements/*.json', { cwd: root }))
    copy(file, path.join(outDir, file.replaceAll('\\', '/').replace(/^docs\//, '')))
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function copy(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true })
  cpSync(path.join(root, from), to)
}
