import { existsSync } from 'node:fs'
import path from 'node:path'
import { installBinary } from '../setup/install-binary.mjs'
import { withLock } from '../setup/lock.mjs'
import { cache, nodeFile } from '../setup/paths.mjs'
import { nodePackages } from '../setup/versions.mjs'

/** The oldest Node that the published packages promise to run on (`engines` in every package.json). */
export const oldestNodeVersion = '22.12.0'

/** Brings the oldest Node into the cache, once; resolves with its file, or undefined where npm has none for the platform. */
export async function ensureOldestNode() {
  const pinned = nodePackages[`${process.platform}-${process.arch}`]
  // That of Apple silicon is another package, which has no such version.
  if (pinned === undefined || pinned.startsWith('node-bin-')) return undefined
  const name = `node-${oldestNodeVersion}`
  const file = path.join(cache, name, nodeFile)
  const source = `${pinned.slice(0, pinned.lastIndexOf('@'))}@${oldestNodeVersion}`
  // Tests that need it start side by side, and one that comes second must not replace what the first already runs.
  await withLock(
    path.join(cache, `${name}.lock`),
    () => {},
    async () => {
      if (!existsSync(file)) await installBinary(name, source)
    },
  )
  return file
}
