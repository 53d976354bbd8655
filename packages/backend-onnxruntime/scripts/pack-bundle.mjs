// Packs the built packages, what they need and the CUDA tests into one folder, which runs on a machine that has nothing
// but Node: node scripts/pack-bundle.mjs TARGET. Then: node TARGET/tests/main.ts, node TARGET/flexgen.mjs ...
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const target = path.resolve(process.argv[2])
// Too large to carry, and of no use beside a GPU.
const left = new Set([
  '@flexgen/demo-model',
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-node',
  '@flexgen/backend-tfjs',
  'onnxruntime-node',
])
const parts = ['package.json', 'dist', 'native', 'fixtures', 'model', 'data', 'flexllmgen', 'schema']

const manifest = (folder) => JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
const packed = new Set()
// Breadth first: where versions differ, that of our own packages wins.
const queue = []

function pack(name, folder) {
  if (packed.has(name) || left.has(name)) return
  packed.add(name)
  const to = path.join(target, 'node_modules', name)
  const isOurs = !folder.includes('/node_modules/')
  const keep = (file) => !file.endsWith('.map') && !file.endsWith('.tsbuildinfo') && !file.endsWith('.d.ts')
  mkdirSync(to, { recursive: true })
  for (const part of isOurs ? parts : ['.']) {
    const from = path.join(folder, part)
    if (existsSync(from)) cpSync(from, path.join(to, part), { recursive: true, filter: keep })
  }
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifest(folder)
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies, ...(isOurs ? peerDependencies : {}) })) {
    const found = find(folder, needed)
    if (found !== undefined) queue.push([needed, found])
  }
}

function find(folder, name) {
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name)
    if (existsSync(path.join(candidate, 'package.json'))) return realpathSync(candidate)
  }
  return undefined
}

rmSync(target, { recursive: true, force: true })
for (const group of ['packages', 'apps']) {
  for (const entry of readdirSync(path.join(root, group))) {
    const folder = path.join(root, group, entry)
    if (['tooling', 'docs-site'].includes(entry) || !existsSync(path.join(folder, 'package.json'))) continue
    queue.push([manifest(folder).name, folder])
  }
}
for (let next = queue.shift(); next !== undefined; next = queue.shift()) pack(...next)
const fakeDriver = 'packages/backend-onnxruntime/test/cuda/fake-cuda.c'
for (const [from, to] of Object.entries({ cuda: 'tests', support: 'support' })) {
  const folder = path.join(root, 'packages/core/test', from)
  mkdirSync(path.join(target, to))
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const text = readFileSync(path.join(folder, file), 'utf8')
      .replaceAll("'../../src/index.ts'", "'@flexgen/core'")
      .replaceAll(`'../../../${path.relative('packages', fakeDriver)}'`, "'./fake-cuda.c'")
    writeFileSync(path.join(target, to, file), text)
  }
}
cpSync(path.join(root, fakeDriver), path.join(target, 'tests/fake-cuda.c'))
writeFileSync(path.join(target, 'package.json'), '{ "private": true, "type": "module" }\n')
const { bin } = manifest(path.join(root, 'apps/cli'))
const entry = typeof bin === 'string' ? bin : Object.values(bin)[0]
writeFileSync(
  path.join(target, 'flexgen.mjs'),
  `await import(new URL('node_modules/@flexgen/cli/${entry}', import.meta.url))\n`,
)
