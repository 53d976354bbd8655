import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publicPackages, workspacePackages } from '../../../scripts/packed/public-packages.mjs'
import { releaseOrder } from '../../../scripts/packed/release-order.mjs'
import { tool } from '../../../scripts/run.mjs'
import { root } from '../../../scripts/setup/paths.mjs'

const manifests = publicPackages().map(({ manifest }) => manifest)
const published: string[] = manifests.map(({ name }) => name)

describe('releaseOrder', () => {
  it('has every package once, behind those that it needs', () => {
    const names: string[] = releaseOrder(manifests.toReversed()).map(({ name }) => name)
    expect(names.toSorted()).toEqual(published.toSorted())
    for (const { name, dependencies = {}, optionalDependencies = {} } of manifests)
      for (const needed of Object.keys({ ...dependencies, ...optionalDependencies }))
        if (names.includes(needed)) expect(names.indexOf(needed)).toBeLessThan(names.indexOf(name))
  })
})

describe('a note in .changeset', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-release-'))
  const version = (file: string): string => JSON.parse(readFileSync(path.join(folder, file), 'utf8')).version
  beforeAll(() => {
    for (const file of ['package.json', 'pnpm-workspace.yaml', '.changeset/config.json'])
      cpSync(path.join(root, file), path.join(folder, file))
    for (const { folder: at } of workspacePackages()) {
      mkdirSync(path.join(folder, at), { recursive: true })
      cpSync(path.join(root, at, 'package.json'), path.join(folder, at, 'package.json'))
    }
    const note = `---\n'@flexgen/storage': minor\n---\n\nThe disk tier is quicker.\n`
    writeFileSync(path.join(folder, '.changeset/quick-disks.md'), note)
    const { status, stderr } = spawnSync(process.execPath, [tool('@changesets/cli', 'changeset'), 'version'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('is the next version of all packages, which go together, and of no private one', () => {
    const [major, minor] = manifests[0]!.version.split('.')
    const next = `${major}.${Number(minor) + 1}.0`
    for (const { folder: at, manifest } of workspacePackages())
      expect([manifest.name, version(`${at}/package.json`)]).toEqual([
        manifest.name,
        manifest.private ? manifest.version : next,
      ])
  })

  it('stands in the changelog of its package', () => {
    const changelog = readFileSync(path.join(folder, 'packages/storage/CHANGELOG.md'), 'utf8')
    expect(changelog).toMatch(
      /^# @flexgen\/storage\n\n## \d+\.\d+\.0\n\n### Minor Changes\n\n- .*The disk tier is quicker\.$/m,
    )
    expect(existsSync(path.join(folder, '.changeset/quick-disks.md'))).toBe(false)
  })
})
