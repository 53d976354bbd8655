import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { tool } from '../run.mjs'
import { capture } from '../setup/capture.mjs'
import { withLock } from '../setup/lock.mjs'
import { cache, nodePath, toolEnvironment } from '../setup/paths.mjs'
import { SetupError } from '../setup/setup-error.mjs'
import { fitsHere, isPrebuilt, publicPackages } from './public-packages.mjs'
import { copyWorkspace, hashOf, packedInputs } from './snapshot.mjs'

const folder = path.join(cache, 'packed')

/** Tarballs of this many states of the sources are kept: others may be using the one before. */
const keptStates = 4

async function run(what, command, args, cwd) {
  const { status, output } = await capture(command, args, { cwd, env: toolEnvironment() })
  if (status !== 0) throw new SetupError('PACK_FAILED', `${what} failed`, 'see its output below', output)
}

async function build(packages, files, target) {
  const workspace = path.join(folder, `workspace-${process.pid}`)
  const staging = `${target}-${process.pid}`
  try {
    copyWorkspace(files, workspace)
    const projects = packages
      .map((item) => `${item.folder}/tsconfig.json`)
      .filter((file) => existsSync(path.join(workspace, file)))
    await run('tsc -b', nodePath(), [tool('typescript', 'tsc'), '-b', ...projects], workspace)
    const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name])
    const pnpm = path.join(cache, 'bin', 'pnpm')
    await run('pnpm pack', pnpm, ['-r', ...filters, 'pack', '--pack-destination', staging], workspace)
    renameSync(staging, target)
  } finally {
    for (const at of [workspace, staging]) rmSync(at, { recursive: true, force: true })
  }
}

function removeOldStates() {
  const ageOf = (name) => -statSync(path.join(folder, name)).mtimeMs
  const old = readdirSync(folder)
    .filter((name) => !name.includes('.'))
    .toSorted((a, b) => ageOf(a) - ageOf(b))
  for (const name of old.slice(keptStates)) rmSync(path.join(folder, name), { recursive: true, force: true })
}

const tarballName = ({ name, version }) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`

/**
 * Builds and packs the published packages as they are in the checkout, once for each state of the sources; resolves with
 * each package's tarball by its name. Packages with a library for one platform are packed where `withPrebuilt` asks for
 * it, on their platform: they are compiled first, which takes a minute.
 */
export async function packPackages({ withPrebuilt = false } = {}) {
  const packages = publicPackages().filter(({ manifest }) =>
    isPrebuilt(manifest) ? withPrebuilt && fitsHere(manifest) : true,
  )
  const files = packedInputs()
  const target = path.join(folder, hashOf(files) + (withPrebuilt ? '-prebuilt' : ''))
  mkdirSync(folder, { recursive: true })
  await withLock(
    path.join(folder, 'packing.lock'),
    () => {},
    async () => {
      if (existsSync(target)) return
      removeOldStates()
      await build(packages, files, target)
    },
  )
  return new Map(packages.map(({ manifest }) => [manifest.name, path.join(target, tarballName(manifest))]))
}
