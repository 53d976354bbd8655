import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { capture } from '../setup/capture.mjs'
import { cache, toolEnvironment } from '../setup/paths.mjs'
import { SetupError } from '../setup/setup-error.mjs'
import { workspacePackages } from './public-packages.mjs'

const prebuilt = () =>
  workspacePackages()
    .map(({ manifest }) => manifest)
    .filter(({ os }) => os !== undefined)

/** All packages of the workspace come from their tarballs; `-` leaves out what was not packed. */
function overridesOf(tarballs) {
  const packed = [...tarballs].map(([name, file]) => [name, `file:${file}`])
  const left = prebuilt().filter(({ name }) => !tarballs.has(name))
  return { ...Object.fromEntries(packed), ...Object.fromEntries(left.map(({ name }) => [name, '-'])) }
}

/**
 * Makes `folder` a project that has nothing but `packages`: names of packed ones, or `name@version` from a registry. By
 * pnpm, whose links let nothing be imported that is not declared, and whose store makes it quick; install scripts, which
 * would download, do not run. `without` leaves out optional dependencies by their names.
 */
export async function installProject(folder, tarballs, packages, without = []) {
  mkdirSync(folder, { recursive: true })
  const dependencies = packages.map((text) => {
    const at = text.lastIndexOf('@')
    return tarballs.has(text) ? [text, `file:${tarballs.get(text)}`] : [text.slice(0, at), text.slice(at + 1)]
  })
  const manifest = { private: true, type: 'module', dependencies: Object.fromEntries(dependencies) }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  // JSON is YAML, too.
  const left = Object.fromEntries(without.map((name) => [name, '-']))
  const settings = { overrides: { ...overridesOf(tarballs), ...left }, autoInstallPeers: false, ignoreScripts: true }
  writeFileSync(path.join(folder, 'pnpm-workspace.yaml'), JSON.stringify(settings, null, 2))
  const args = ['install', '--prefer-offline', '--reporter=append-only']
  const { status, output } = await capture(path.join(cache, 'bin', 'pnpm'), args, {
    cwd: folder,
    env: toolEnvironment(),
  })
  if (status !== 0)
    throw new SetupError('INSTALL_FAILED', `cannot install ${packages.join(', ')}`, 'see the output of pnpm', output)
}
