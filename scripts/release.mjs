import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { checkPackages } from './check-packages.mjs'
import { packPackages } from './packed/pack-packages.mjs'
import { publicPackages } from './packed/public-packages.mjs'
import { releaseOrder } from './packed/release-order.mjs'
import { capture } from './setup/capture.mjs'
import { root } from './setup/paths.mjs'

/**
 * Writes where the sources are into every package.json, as provenance asks for. It is the repository that the workflow
 * runs in, so that a fork need not change 20 files; nothing is committed.
 */
function setRepository({ GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name }) {
  if (!server || !name) return
  for (const { folder } of publicPackages()) {
    const file = path.join(root, folder, 'package.json')
    const repository = { type: 'git', url: `git+${server}/${name}.git`, directory: folder }
    writeFileSync(file, `${JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), repository }, null, 2)}\n`)
  }
}

const isPublished = async ({ name, version }) =>
  (await capture('npm', ['view', `${name}@${version}`, 'version'])).output.trim() === version

/**
 * Checks all packages and publishes the tarballs that were checked, those that others need first, as far as their version
 * is not there yet: what was cut off can be run again. `--dry-run` says what would be published.
 */
export async function release(args) {
  setRepository(process.env)
  const status = await checkPackages()
  if (status !== 0) return status
  const tarballs = await packPackages({ withPrebuilt: true })
  for (const manifest of releaseOrder(publicPackages().map((each) => each.manifest))) {
    const title = `${manifest.name}@${manifest.version}`
    const file = tarballs.get(manifest.name)
    if (file === undefined) throw new Error(`${title} cannot be packed on this platform`)
    if (args.includes('--dry-run')) {
      process.stdout.write(`would publish ${title}: ${path.basename(file)}\n`)
      continue
    }
    if (await isPublished(manifest)) continue
    const { status: failed, output } = await capture('npm', ['publish', file, '--access', 'public', '--provenance'])
    if (failed !== 0) {
      process.stderr.write(`${output}\nflexgen: ${title} could not be published\n`)
      return 1
    }
    process.stdout.write(`published ${title}\n`)
  }
  return 0
}
