import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { oldestNodeVersion } from '../../../scripts/packed/oldest-node.mjs'
import { isPrebuilt, publicPackages } from '../../../scripts/packed/public-packages.mjs'
import { root } from '../../../scripts/setup/paths.mjs'
import { readReadme } from './packed/readme.ts'

const packages = publicPackages().map(({ folder, manifest }) => ({ folder, manifest, name: manifest.name as string }))
const libraries = packages.filter(({ manifest }) => manifest.exports['.'] !== undefined)
const config = JSON.parse(readFileSync(path.join(root, '.changeset/config.json'), 'utf8'))

/** What a package needs at run time, by name. */
const dependenciesOf = ({ dependencies, peerDependencies, optionalDependencies }: Record<string, object>) =>
  Object.entries({ ...dependencies, ...peerDependencies, ...optionalDependencies })

describe.each(packages)('package.json of $name', ({ folder, manifest, name }) => {
  it('has what is published with it', () => {
    expect(manifest).toMatchObject({
      version: packages[0]!.manifest.version,
      description: expect.stringMatching(/.{20}/),
      license: 'Apache-2.0',
      sideEffects: false,
      engines: { node: `>=${oldestNodeVersion}` },
      publishConfig: { access: 'public', provenance: true },
    })
    expect(manifest.exports['./package.json']).toBe('./package.json')
    expect(manifest.main ?? manifest.module ?? manifest.types).toBeUndefined()
    expect(existsSync(path.join(root, folder, 'README.md'))).toBe(true)
  })

  it('runs nothing when it is installed', () => {
    const scripts = Object.keys(manifest.scripts)
    expect(scripts.filter((script) => /^(pre|post)?(install|prepare|publish)$/.test(script))).toEqual([])
  })

  it('takes neighbours from the workspace and versions of others from the catalog', () => {
    for (const [dependency, range] of dependenciesOf(manifest)) {
      const isOurs = packages.some((each) => each.name === dependency)
      expect({ dependency, range }).toEqual({
        dependency,
        range: expect.stringMatching(isOurs ? /^workspace:[*^]$/ : /^catalog:$/),
      })
    }
  })

  it('marks every peer as optional that only a choice of the user needs', () => {
    const { peerDependencies = {}, peerDependenciesMeta = {} } = manifest
    for (const peer of Object.keys(peerDependencies)) expect(peerDependenciesMeta[peer]).toEqual({ optional: true })
  })

  it('is released with all others', () => {
    expect(config.fixed).toHaveLength(1)
    const patterns = (config.fixed[0] as string[]).map((glob) => new RegExp(`^${glob.replace('*', '[^/]+')}$`))
    expect(patterns.some((pattern) => pattern.test(name))).toBe(true)
    expect(config.ignore ?? []).not.toContain(name)
  })

  it('ships its compiled files with the sources that their maps name, and no tests', () => {
    if (isPrebuilt(manifest)) return expect(manifest.files).toEqual(['flexgen.so'])
    expect(manifest.type).toBe('module')
    expect(manifest.files).toEqual(
      expect.arrayContaining(['dist', '!dist/**/*.tsbuildinfo', 'src', '!src/**/*.test.ts']),
    )
    return undefined
  })
})

describe.each(libraries)('entry of $name', ({ folder, manifest, name }) => {
  it('has types first, and what is published is what is compiled', () => {
    const published = { types: './dist/index.d.ts', default: './dist/index.js' }
    // Conditions are tried in this order: `toEqual` would not see it.
    expect(JSON.stringify(manifest.publishConfig.exports['.'])).toBe(JSON.stringify(published))
    const here = { '@flexgen/source': './src/index.ts', ...published }
    expect(JSON.stringify(manifest.exports['.'])).toBe(JSON.stringify(here))
    const { '.': _, ...others } = manifest.exports
    expect(manifest.publishConfig.exports).toEqual({ '.': published, ...others })
  })

  it('has a README that says how to install it, and shows it in use', () => {
    const { packages: installed, snippet } = readReadme(folder)
    expect(installed[0]).toBe(name)
    expect(snippet).toContain(`from '${name}'`)
  })
})
