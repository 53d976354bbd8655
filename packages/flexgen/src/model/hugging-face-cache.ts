import { type FileSystem, UsageError } from '@flexgen/spec'
import { homedir } from 'node:os'
import path from 'node:path'

/** Environment variables that say where the cache is. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The hub folder of the Hugging Face cache: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`. */
export function huggingFaceHubFolder(env: Environment): string {
  const home = env['HF_HOME'] || path.join(env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'huggingface')
  return env['HF_HUB_CACHE'] || path.join(home, 'hub')
}

/**
 * The snapshot folder of a model in the Hugging Face cache layout, the revision of `refs/main`, or the only one there.
 * A name without organisation is taken from any organisation.
 * @throws {UsageError} where several organisations have a model of that name
 */
export async function findInHuggingFaceCache(
  name: string,
  hub: string,
  fileSystem: FileSystem,
): Promise<string | undefined> {
  if ((await fileSystem.stat(hub))?.kind !== 'folder') return undefined
  const wanted = `models--${name.replaceAll('/', '--')}`
  const folders = (await fileSystem.list(hub)).filter(
    (folder) =>
      folder === wanted ||
      (!name.includes('/') && folder.startsWith('models--') && folder.split('--').slice(2).join('--') === name),
  )
  if (folders.length > 1 && !folders.includes(wanted)) {
    const names = folders.map((folder) => folder.slice('models--'.length).replace('--', '/'))
    throw new UsageError(`'${name}' stands for several models in ${hub}`, { hint: `one of: ${names.join(', ')}` })
  }
  const folder = folders.includes(wanted) ? wanted : folders[0]
  return folder === undefined ? undefined : findSnapshot(path.join(hub, folder), fileSystem)
}

async function findSnapshot(folder: string, fileSystem: FileSystem): Promise<string | undefined> {
  const reference = path.join(folder, 'refs', 'main')
  const snapshots = path.join(folder, 'snapshots')
  let revision: string | undefined
  if ((await fileSystem.stat(reference))?.kind === 'file') {
    revision = new TextDecoder().decode(await fileSystem.readFile(reference)).trim()
  } else if ((await fileSystem.stat(snapshots))?.kind === 'folder') {
    const all = await fileSystem.list(snapshots)
    revision = all.length === 1 ? all[0] : undefined
  }
  // The file is not ours: a revision is a name, never a way out of the folder.
  if (revision === undefined || !/^[\w.-]+$/.test(revision) || /^\.+$/.test(revision)) return undefined
  const snapshot = path.join(snapshots, revision)
  return (await fileSystem.stat(snapshot))?.kind === 'folder' ? snapshot : undefined
}
