import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ensureOldestNode, oldestNodeVersion } from './packed/oldest-node.mjs'
import { packPackages } from './packed/pack-packages.mjs'
import { packageProblems } from './packed/package-problems.mjs'
import { isPrebuilt, publicPackages } from './packed/public-packages.mjs'
import { tool } from './run.mjs'
import { capture } from './setup/capture.mjs'
import { nodePath, toolEnvironment } from './setup/paths.mjs'

const say = (isFine, name, output) => {
  process.stdout.write(isFine ? `ok      ${name}\n` : `failed  ${name}\n${output}\n`)
  return isFine
}

/** Runs one step; the output of one that fails is shown. */
async function step(name, command, args, options = {}) {
  const { status, output } = await capture(command, args, { env: toolEnvironment(), ...options })
  return say(status === 0, name, output)
}

/** What publint and attw say of a tarball. */
async function checkTarball({ manifest }, file) {
  const results = [await step(`publint ${manifest.name}`, nodePath(), [tool('publint'), 'run', '--strict', file])]
  if (manifest.exports['.'] === undefined) return results // a command has no types to look at
  const attw = [tool('@arethetypeswrong/cli', 'attw'), '--profile', 'esm-only', file]
  return [...results, await step(`attw ${manifest.name}`, nodePath(), attw)]
}

/** The host kernels must come from the prebuilt package, and run, where there is no C compiler. */
function checkPrebuilt(project) {
  const script = `
    const { createNativeBackend, examineHostKernels } = await import('@flexgen/backend-native')
    const { origin, path } = await examineHostKernels()
    await using backend = await createNativeBackend({ threads: 2 })
    if (origin !== 'prebuilt') throw new Error(origin + ' ' + path)`
  const none = path.join(project, 'none')
  const env = { ...toolEnvironment(), CC: none, FLEXGEN_NATIVE_CACHE: none }
  const args = ['--input-type=module', '-e', script]
  return step('host kernels without a compiler', nodePath(), args, { cwd: project, env })
}

/** Everything side by side in one project: whole, and imported on the pinned and on the oldest Node. */
async function checkInstalled(packages, tarballs, project) {
  const names = packages.map(({ manifest }) => manifest.name)
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballs.get(name)}`]))
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  // By npm, since most people do; the tests in packages/tooling/test/packed take pnpm.
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']
  if (!(await step('npm install of all tarballs', 'npm', ['install', ...quiet], { cwd: project }))) return [false]
  const results = names.map((name) => {
    const problems = packageProblems(path.join(project, 'node_modules', name))
    return say(problems.length === 0, `contents of ${name}`, problems.join('\n'))
  })
  const imported = packages.filter(({ manifest }) => manifest.exports['.']).map(({ manifest }) => manifest.name)
  const script = `for (const name of ${JSON.stringify(imported)}) await import(name)`
  const args = ['--input-type=module', '-e', script]
  results.push(await step('import of every package', nodePath(), args, { cwd: project }))
  const oldest = await ensureOldestNode()
  const title = `import of every package, Node ${oldestNodeVersion}`
  if (oldest !== undefined) results.push(await step(title, oldest, args, { cwd: project }))
  if (packages.some(({ manifest }) => isPrebuilt(manifest))) results.push(await checkPrebuilt(project))
  return results
}

/**
 * Builds and packs every published package, also what is prebuilt for this platform, and looks at the tarballs with
 * publint and attw, and at what is installed from them. How each does by itself is a matter of `npm run -s test:long`.
 */
export async function checkPackages() {
  const tarballs = await packPackages({ withPrebuilt: true })
  say(true, 'build and pack')
  const packages = publicPackages().filter(({ manifest }) => tarballs.has(manifest.name))
  const results = []
  for (const item of packages) results.push(...(await checkTarball(item, tarballs.get(item.manifest.name))))
  const project = mkdtempSync(path.join(tmpdir(), 'flexgen-packages-'))
  try {
    results.push(...(await checkInstalled(packages, tarballs, project)))
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
  return results.every(Boolean) ? 0 : 1
}
