import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const packages = path.resolve(import.meta.dirname, '../..')

interface Library {
  readonly name: string
  readonly folder: string
}

/** Published packages with something to import. */
function listLibraries(): Library[] {
  return readdirSync(packages)
    .map((name) => path.join(packages, name))
    .filter((folder) => existsSync(path.join(folder, 'package.json')))
    .flatMap((folder) => {
      const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
      return manifest.private || manifest.exports?.['.']?.types === undefined ? [] : [{ name: manifest.name, folder }]
    })
}

const libraries = listLibraries()
/** A project of somebody who has installed everything, and has a model in `models/opt-125m`. */
const project = mkdtempSync(path.join(tmpdir(), 'flexgen-readme-'))
mkdirSync(path.join(project, 'node_modules/@flexgen'), { recursive: true })
mkdirSync(path.join(project, 'models'))
for (const { name, folder } of libraries) symlinkSync(folder, path.join(project, 'node_modules', name))
symlinkSync(path.join(packages, 'demo-model/model'), path.join(project, 'models/opt-125m'))
afterAll(() => rmSync(project, { recursive: true }))

describe.each(libraries)('README of $name', ({ name, folder }) => {
  it('has a snippet that runs', ({ skip }) => {
    const snippet = /^```ts\n([\s\S]+?)^```$/m.exec(readFileSync(path.join(folder, 'README.md'), 'utf8'))
    expect(snippet).not.toBeNull()
    const file = path.join(project, `${path.basename(name)}.ts`)
    writeFileSync(file, snippet![1]!)
    const { status, stderr } = spawnSync(process.execPath, ['--conditions=@flexgen/source', file], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, UV_THREADPOOL_SIZE: '8' },
    })
    // Such as host kernels where there is no C compiler; every other failure is one.
    const reason = /code: '(BACKEND_UNAVAILABLE)'/.exec(stderr)?.[1]
    skip(reason !== undefined, `${name} does not work here: ${reason}`)
    expect({ status, stderr }).toMatchObject({ status: 0 })
  }, 120_000)
})
