import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packageProblems } from '../../../../scripts/packed/package-problems.mjs'
import { publicPackages } from '../../../../scripts/packed/public-packages.mjs'
import budgets from './budgets.json' with { type: 'json' }
import { folderBytes, outsidePackages } from './installed-size.ts'
import {
  copyDemoModel,
  createPackageProject,
  hasHostKernels,
  nodes,
  type PackageProject,
  runNode,
  tarballs,
} from './package-project.ts'
import { readReadme } from './readme.ts'

/** Of this many processes the one that took the least counts: others may have had to share the processor. */
const importRuns = 5

/** Budgets are for a quiet machine; what shares caches with other work takes longer, in CPU time, too. */
const loadFactor = 1.5

const libraries = publicPackages()
  .filter(({ manifest }) => tarballs.has(manifest.name) && manifest.exports['.'] !== undefined)
  .map(({ folder, manifest }) => ({ folder, name: manifest.name as keyof typeof budgets }))

// Several at a time: each step waits for a process.
describe.concurrent.each(libraries)('$name in an empty project', ({ folder, name }) => {
  let installing: Promise<PackageProject> | undefined
  const byItself = (): Promise<PackageProject> => (installing ??= createPackageProject([name]))
  afterAll(async () => (await installing)?.[Symbol.dispose]())

  /** Processor time of importing the package, system calls left out. */
  async function importMs(node: string): Promise<number> {
    const script = `
      const before = process.cpuUsage()
      await import('${name}')
      console.log(process.cpuUsage(before).user / 1000)`
    const args = ['--input-type=module', '-e', script]
    const { stdout, stderr } = await runNode(node, args, (await byItself()).folder)
    expect(stderr).toBe('')
    return Number.parseFloat(stdout)
  }

  it.each(nodes)('is imported by Node %s', async (_, node) => {
    // A number is printed once the import has ended; the system may have counted no time at all for it.
    expect(await importMs(node)).not.toBeNaN()
  })

  it('has types that need nothing else', async () => {
    expect(await (await byItself()).compile('types', `export * from '${name}'\n`)).toBe('')
  })

  it('is whole: licence, maps with their sources, no tests', async () => {
    expect(packageProblems(path.join((await byItself()).folder, 'node_modules', name))).toEqual([])
  })

  it('keeps to its budgets', async () => {
    const modules = path.join((await byItself()).folder, 'node_modules')
    const times: number[] = []
    // Other tests run beside this one: then the least of more runs says what importing takes.
    const isOver = (): boolean => Math.min(...times) > budgets[name].importMs
    for (let run = 0; run < importRuns || (run < 5 * importRuns && isOver()); run++) {
      times.push(await importMs(process.execPath))
    }
    const measured = {
      outsidePackages: outsidePackages(modules).length,
      installedKib: Math.round(folderBytes(modules) / 1024),
      importMs: Math.min(...times),
    }
    for (const key of Object.keys(measured) as (keyof typeof measured)[])
      expect(measured[key], `${key} of ${name}`).toBeLessThanOrEqual(
        budgets[name][key] * (key === 'importMs' ? loadFactor : 1),
      )
  })

  it('does what its README shows, in strict TypeScript, on every Node', async ({ skip }) => {
    const { packages, snippet } = readReadme(folder)
    skip(packages.includes('@flexgen/backend-native') && !hasHostKernels, 'there is no C compiler for the host kernels')
    expect(packages).toContain(name)
    using project = await createPackageProject(packages)
    copyDemoModel(path.join(project.folder, 'models/opt-125m'))
    expect(await project.compile('example', snippet)).toBe('')
    for (const [version, node] of nodes) {
      const { status, stdout, stderr } = await project.run('example.js', node)
      expect({ version, status, stderr: status === 0 ? '' : stderr }).toEqual({ version, status: 0, stderr: '' })
      expect(stdout).not.toBe('')
    }
  })
})

it('has a budget for every library, and no other', () => {
  expect(Object.keys(budgets)).toEqual(libraries.map(({ name }) => name))
})

describe('@flexgen/cli in an empty project', () => {
  it.each(nodes)('writes the text of the demo model on Node %s', async (_, node) => {
    using project = await createPackageProject(['@flexgen/cli'])
    const main = path.join(project.folder, 'node_modules/@flexgen/cli/dist/main.js')
    writeFileSync(path.join(project.folder, 'prompts.jsonl'), '{"prompt":"Call me Ishmael."}\n')
    const args = ['generate', '--input', 'prompts.jsonl', '--max-new-tokens', '4', '--backend', 'reference', '--json']
    const { status, stdout, stderr } = await runNode(node, [main, ...args], project.folder)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout).outputs).toMatchObject([{ prompt: 'Call me Ishmael.', finishReason: 'length' }])
  })
})
