import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { capture } from './capture.mjs'
import { cache, root, toolEnvironment } from './paths.mjs'
import { SetupError } from './setup-error.mjs'
import { nodeVersion, pnpmVersion } from './versions.mjs'

const tools = ['oxfmt', 'oxlint', 'turbo', 'typescript', 'vitest']

const interrupted = path.join(cache, 'installing')

/** The folders of all workspace packages, the root first. */
function workspaceFolders() {
  const inside = ['packages', 'apps', 'examples'].flatMap((parent) =>
    existsSync(path.join(root, parent)) ? readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`) : [],
  )
  return ['', ...inside.sort()].filter((folder) => existsSync(path.join(root, folder, 'package.json')))
}

/** A hash over all that decides what is installed. */
export function inputsHash() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${nodeVersion} ${pnpmVersion}\0`)
  const manifests = workspaceFolders().map((folder) => path.join(folder, 'package.json'))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    const full = path.join(root, file)
    hash.update(`${file}\0`).update(existsSync(full) ? readFileSync(full) : '')
  }
  return hash.digest('hex')
}

/** Whether every declared dependency (optional ones apart) and the tools that the tasks run are there. */
export function isInstalled() {
  const hasTools = tools.every((name) => existsSync(path.join(root, 'node_modules', name, 'package.json')))
  if (!hasTools) return false
  return workspaceFolders().every((folder) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'))
    return Object.keys({ ...dependencies, ...devDependencies }).every((name) =>
      existsSync(path.join(root, folder, 'node_modules', name, 'package.json')),
    )
  })
}

async function pnpmInstall(pnpm) {
  writeFileSync(interrupted, '')
  const { status, output } = await capture(pnpm, ['install', '--prefer-offline', '--reporter=append-only'], {
    env: toolEnvironment(),
  })
  if (status !== 0) {
    const hint = 'see the output of pnpm below'
    throw new SetupError('INSTALL_FAILED', 'pnpm could not install the dependencies', hint, output)
  }
  rmSync(interrupted)
}

function removeModules() {
  for (const folder of workspaceFolders()) {
    rmSync(path.join(root, folder, 'node_modules'), { recursive: true, force: true })
  }
}

/** Brings the node_modules folders in line with the lock file; starts afresh where the last try was cut off. */
export async function installPackages(pnpm) {
  if (existsSync(interrupted)) removeModules()
  await pnpmInstall(pnpm)
  if (isInstalled()) return
  // pnpm trusts its own notes and does not look whether the files are still there.
  removeModules()
  await pnpmInstall(pnpm)
}
