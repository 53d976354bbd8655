import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { capture } from './capture.mjs'
import { cache } from './paths.mjs'
import { SetupError } from './setup-error.mjs'

// Started by npm itself, npm's own file is known; otherwise the shell finds it.
function npm() {
  const own = process.env.npm_execpath ?? ''
  if (path.basename(own) === 'npm-cli.js' && existsSync(own)) return { command: process.execPath, first: [own] }
  return { command: 'npm', first: [], shell: process.platform === 'win32' }
}

/**
 * Installs one npm package that needs no install script as `.cache/NAME`, by way of a staging folder, so that what
 * lies there is whole.
 */
export async function installBinary(name, packageAtVersion) {
  // A folder per process: npm of a run that was cut off may still be writing to its own.
  const staging = path.join(cache, `staging-${process.pid}-${name}`)
  mkdirSync(staging, { recursive: true })
  const quiet = [
    '--no-save',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
  ]
  const { command, first, shell } = npm()
  const args = [...first, 'install', '--prefix', staging, '--ignore-scripts', ...quiet, packageAtVersion]
  const { status, output } = await capture(command, args, { cwd: staging, shell: shell ?? false })
  const installed = path.join(staging, 'node_modules', packageAtVersion.slice(0, packageAtVersion.lastIndexOf('@')))
  if (status !== 0 || !existsSync(installed)) {
    rmSync(staging, { recursive: true, force: true })
    throw new SetupError(
      'DOWNLOAD_FAILED',
      `npm could not install ${packageAtVersion}`,
      'see its output below; the set-up needs an npm registry once',
      output,
    )
  }
  const target = path.join(cache, name)
  rmSync(target, { recursive: true, force: true })
  renameSync(installed, target)
  rmSync(staging, { recursive: true, force: true })
}
