import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installProject } from '../../../scripts/packed/install-project.mjs'
import { packPackages } from '../../../scripts/packed/pack-packages.mjs'
import { fencesOf, filesOf, guides, root } from '../docs/guides.ts'

let tarballs: Map<string, string>
beforeAll(async () => void (tarballs = (await packPackages()) as Map<string, string>), 600_000)

/** The version of the catalog for what is no package of the workspace: guides name none. */
function versioned(name: string): string {
  const catalog = readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8')
  const version = new RegExp(`^  '?${name}'?: (.+)$`, 'm').exec(catalog)?.[1]
  expect([name, version]).not.toContain(undefined)
  return `${name}@${version}`
}

/** Everything that a guide says to install. */
function packagesOf(script: string): string[] {
  const lines = script.split('\n').filter((line) => line.startsWith('npm install '))
  const names = lines.flatMap((line) => line.split(/\s+/).slice(2)).filter((word) => !word.startsWith('-'))
  return names.map((name) => (tarballs.has(name) ? name : versioned(name)))
}

describe.each(guides.map((guide) => [guide.page, guide] as const))('%s, followed to the letter', (_, guide) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-guide-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const scripts = fencesOf(guide).filter(
    ({ language, file, needs }) => language === 'sh' && file === undefined && !needs.includes('transformers'),
  )
  const isInstall = (text: string): boolean => text.includes('npm install ')
  const commands = scripts.filter(({ text }) => !isInstall(text)).flatMap(({ text }) => text.trim().split('\n'))

  it('installs what it names, from the packed tarballs', async () => {
    const packages = scripts.filter(({ text }) => isInstall(text)).flatMap(({ text }) => packagesOf(text))
    expect(packages.length).toBeGreaterThan(5)
    await installProject(folder, tarballs, packages)
    for (const [name, text] of filesOf(guide)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
      writeFileSync(path.join(folder, name), text)
    }
    for (const name of guide.copied ?? [])
      cpSync(path.join(root, guide.example, name), path.join(folder, name), { recursive: true })
  })

  it.each(commands)('%s', (command) => {
    const env = {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}`,
    }
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', command], { cwd: folder, env, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toMatchObject({ status: 0 })
    if (command.startsWith('node --test')) expect(Number(/^\D*pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(10)
    // Whoever compiles says nothing; whoever generates says something.
    else expect(stdout !== '').toBe(command.startsWith('node '))
    if (command === commands.at(-1)) expect(stdout).toContain(guide.printed ?? '')
  })
})
