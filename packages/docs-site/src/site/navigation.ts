import { globSync } from 'node:fs'
import path from 'node:path'
import type { DefaultTheme } from 'vitepress'
import { titleOf } from '../markdown/title-of.ts'
import { listRuns, titleOfRun } from '../measurements/list-runs.ts'
import { hasPage, readPage, root } from '../pages.ts'
import { listPackages } from '../packages.ts'

type Item = DefaultTheme.SidebarItem

/** The entry of a page, or none where the page is not written (yet). */
function entry(text: string, link: string): Item[] {
  const name = `docs${link === '/' ? '/index' : link}`
  return hasPage(`${name}.md`) || hasPage(`${name}README.md`) ? [{ text, link }] : []
}

/** Every page of a folder of docs/ by its own title, in the order of file names. */
function folder(name: string): Item[] {
  const pages = globSync(`docs/${name}/*.md`, { cwd: root }).map((page) => page.replaceAll('\\', '/'))
  return pages.toSorted().map((page) => ({
    text: titleOf(readPage(page).markdown) ?? path.basename(page, '.md'),
    link: page.replace(/^docs|\.md$/g, ''),
  }))
}

/** The side bar: what people want first comes first; whole folders by file names. */
export function sidebar(): Item[] {
  const packages = listPackages()
  return [
    {
      text: 'Start',
      items: [
        ...entry('What it is', '/'),
        ...entry('Getting started', '/getting-started'),
        ...entry('From FlexGen', '/guides/from-flexgen'),
      ],
    },
    {
      text: 'Run',
      items: [
        ...entry('Prompts, results, scores', '/guides/generate'),
        ...entry('Planning', '/planning'),
        ...entry('Re-placement', '/replacement'),
        ...entry('Backends', '/backends'),
        ...entry('Four bits', '/guides/compression'),
        ...entry('On an NVIDIA GPU', '/guides/cuda'),
        ...entry('Benchmarks', '/guides/benchmarks'),
        ...entry('Errors', '/guides/errors'),
      ],
    },
    {
      text: 'Build',
      items: [
        ...entry('Without the front door', '/guides/without-the-front-door'),
        ...entry('Add a backend', '/guides/add-a-backend'),
        ...entry('Add a model', '/guides/add-a-model'),
        ...entry('Architecture', '/architecture'),
        { text: 'Contributing', link: '/packages/contributing' },
      ],
    },
    {
      text: 'How it performs',
      items: [
        ...entry('Measurements', '/measurements/'),
        ...entry('Kernels', '/kernels'),
        ...entry('Simulation', '/simulation'),
      ],
    },
    {
      text: 'Every run',
      collapsed: true,
      items: listRuns().map((run) => ({ text: titleOfRun(run), link: `/measurements/${run.name}` })),
    },
    { text: 'Decisions', collapsed: true, items: folder('decisions') },
    {
      text: 'Packages',
      collapsed: true,
      items: packages.map(({ name, folder }) => ({ text: name, link: `/packages/${path.basename(folder)}` })),
    },
    {
      text: 'API reference',
      collapsed: true,
      items: [
        { text: 'All packages', link: '/api/' },
        ...packages.flatMap(({ name, api }) => (api === undefined ? [] : [{ text: name, link: api }])),
      ],
    },
  ]
}

/** The bar above. */
export function nav(): DefaultTheme.NavItem[] {
  return [
    { text: 'Getting started', link: '/getting-started' },
    { text: 'Measurements', link: '/measurements/' },
    { text: 'API', link: '/api/' },
  ]
}
