import { join } from 'node:path'
import { type FileSystem, StorageError } from '@flexgen/spec'
import { folderPattern, ownerFile, removeOffloadFolder } from './offload-folder.ts'
import { currentOwner, isGone, isRunning, type Owner, parseOwner } from './owner.ts'

/**
 * Removes what crashed runs have left in an offload directory: subfolders with our name and an owner that has ended.
 * Folders of live runs and everything else stay untouched.
 *
 * @returns a line for each left-over that could not be removed
 * @throws {StorageError} where `offloadDir` is there but cannot be listed
 */
export async function removeLeftovers(fileSystem: FileSystem, offloadDir: string): Promise<string[]> {
  const notices: string[] = []
  let names: string[]
  try {
    if ((await fileSystem.stat(offloadDir)) === undefined) return notices
    names = await fileSystem.list(offloadDir)
  } catch (error) {
    throw StorageError.from(error, `write ${offloadDir}`)
  }
  const candidates = names.filter((name) => folderPattern.test(name))
  if (candidates.length === 0) return notices
  const current = await currentOwner()
  for (const name of candidates) {
    const folder = join(offloadDir, name)
    const owner = await readOwner(fileSystem, folder)
    const isLeft = owner === undefined ? await isUnborn(fileSystem, folder, name) : await isGone(owner, current)
    if (!isLeft) continue
    try {
      await removeOffloadFolder(fileSystem, folder)
    } catch (error) {
      // Another run that starts now may have removed it first.
      const message = error instanceof Error ? error.message : String(error)
      if ((await fileSystem.stat(folder).catch(() => undefined)) !== undefined)
        notices.push(`${folder}, left over from a crashed run, could not be removed: ${message}`)
    }
  }
  return notices
}

/**
 * Whether a run was killed after it had made its folder and before it had written its note: there is nothing else in it, and
 * no process here has the number in its name.
 */
async function isUnborn(fileSystem: FileSystem, folder: string, name: string): Promise<boolean> {
  const names = await fileSystem.list(folder).catch(() => undefined)
  return names?.every((entry) => entry === ownerFile) === true && !isRunning(Number(name.split('-')[1]))
}

async function readOwner(fileSystem: FileSystem, folder: string): Promise<Owner | undefined> {
  try {
    return parseOwner(Buffer.from(await fileSystem.readFile(join(folder, ownerFile))).toString('utf8'))
  } catch {
    return undefined
  }
}
