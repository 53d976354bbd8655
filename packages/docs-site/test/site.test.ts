import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listPackages } from '../src/packages.ts'
import { root } from '../src/pages.ts'
import { findBroken, readBuiltPages } from './support/built-site.ts'

const run = promisify(execFile)
const site = path.join(root, 'packages/docs-site')
// In the checkout: pages are compiled to modules that import Vue from where they are.
const folder = mkdtempSync(path.join(root, '.cache/docs-site-'))
const out = path.join(folder, 'out')
const read = (file: string) => readFileSync(path.join(out, file), 'utf8')

afterAll(() => rmSync(folder, { recursive: true }))

/** VitePress over a folder with the configuration of docs/. Without colours, which it writes within a sentence where CI is set. */
const build = (docs: string, outDir: string) => {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  return run(
    process.execPath,
    [path.join(site, 'node_modules/vitepress/bin/vitepress.js'), 'build', docs, '--outDir', outDir],
    { env },
  )
}

describe('the site', () => {
  beforeAll(async () => {
    await run(process.execPath, ['--conditions=@flexgen/source', path.join(site, 'src/api/main.ts')])
    await build(path.join(root, 'docs'), out)
  }, 240_000)

  it('has no link, image or anchor that leads nowhere', () => {
    const files = new Set(globSync('**/*.*', { cwd: out }).map((file) => file.replaceAll('\\', '/')))
    const pages = readBuiltPages(out)
    expect(pages.length).toBeGreaterThan(60)
    expect(findBroken(pages, files)).toEqual([])
  })

  it('has an API page with the documentation of every package, and its README', () => {
    for (const { name, folder, api } of listPackages()) {
      expect(read(`packages/${path.basename(folder)}.html`)).toContain('<h1')
      if (api !== undefined) expect(read(`${api}.html`)).toContain(`>${name}`)
    }
    expect(read('api/flexgen.html')).toContain('createEngine()')
  })

  it('shows figures of the JSON files', () => {
    const { sides } = JSON.parse(read('measurements/native-opt-1.3b-two-cores.json')) as {
      sides: { title: string; repetitions: { decodeTokensPerSecond: number }[] }[]
    }
    const [inMemory] = sides
    const values = inMemory!.repetitions.map((one) => one.decodeTokensPerSecond).toSorted((a, b) => a - b)
    const [least, median, most] = values.map((value) => value.toPrecision(3))
    expect(values).toHaveLength(3)
    expect(read('measurements/native-opt-1.3b-two-cores.html')).toContain(`${median} [${least} to ${most}]`)
  })

  it('says what a block needs', () => {
    expect(read('kernels.html')).toContain('Needs minutes, or hours, of a quiet machine.')
  })

  it('has llms.txt, whose pages are there as Markdown, and all of them in llms-full.txt', () => {
    const links = [...read('llms.txt').matchAll(/^- \[.+?\]\(\/(.+?)\)/gm)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(30)
    const whole = read('llms-full.txt')
    for (const link of links) expect(whole).toContain(read(link).trim())
  })
})

describe('the build', () => {
  it('ends with an error where a link is dead', async () => {
    const docs = path.join(folder, 'docs')
    mkdirSync(path.join(docs, '.vitepress'), { recursive: true })
    const config = path.join(site, 'src/site/site-config.ts')
    writeFileSync(
      path.join(docs, '.vitepress/config.ts'),
      `import { siteConfig } from ${JSON.stringify(config)}\nexport default { ...siteConfig, rewrites: {}, buildEnd: undefined }\n`,
    )
    writeFileSync(path.join(docs, 'index.md'), '# Page\n\n[there](./other.md)\n')
    writeFileSync(path.join(docs, 'other.md'), '# Other\n')
    await expect(build(docs, path.join(folder, 'fine'))).resolves.toBeDefined()
    writeFileSync(path.join(docs, 'other.md'), '# Other\n\n[nowhere](./missing.md)\n')
    await expect(build(docs, path.join(folder, 'broken'))).rejects.toThrow('Found dead link ./missing')
  }, 120_000)
})
