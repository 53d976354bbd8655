import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type FileSystem, StorageError } from '@flexgen/spec'
import { writeFully } from '../file/write-fully.ts'
import { currentOwner } from './owner.ts'

/** Names inside an offload folder. */
export const ownerFile = 'owner.json'
/** The file that holds all regions of a disk tier. */
export const offloadFile = 'offload.bin'
/** How the subfolders of runs are named: process id and a random part. */
export const folderPattern: RegExp = /^flexgen-\d+-[0-9a-f]{16}$/

/**
 * Makes the subfolder of this run, with a note of who owns it.
 * @throws {StorageError} `NOT_WRITABLE` or `OUT_OF_DISK`
 */
export async function createOffloadFolder(fileSystem: FileSystem, offloadDir: string): Promise<string> {
  const folder = join(offloadDir, `flexgen-${process.pid}-${randomBytes(8).toString('hex')}`)
  const file = join(folder, ownerFile)
  try {
    await fileSystem.makeFolder(folder)
    const handle = await fileSystem.open(file, 'create')
    try {
      await writeFully(handle, file, 0, Buffer.from(JSON.stringify(await currentOwner())))
    } finally {
      await handle.close()
    }
    return folder
  } catch (error) {
    await fileSystem.remove(folder).catch(() => {})
    throw StorageError.from(error, `write ${folder}`)
  }
}

/**
 * Removes the subfolder of a run: the large file first, so that an interrupted removal is still known by its owner.
 * Anything in it that is not ours stays.
 */
export async function removeOffloadFolder(fileSystem: FileSystem, folder: string): Promise<void> {
  await fileSystem.remove(join(folder, offloadFile))
  const names = await fileSystem.list(folder)
  await fileSystem.remove(names.every((name) => name === ownerFile) ? folder : join(folder, ownerFile))
}
