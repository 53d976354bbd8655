import { constants } from 'node:fs'
import { mkdir, open, readFile, readdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileHandle, FileSystem, OpenMode } from './file-system.ts'

const flags: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  'read-direct': constants.O_RDONLY | (constants.O_DIRECT ?? 0),
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  'read-write': constants.O_RDWR,
}

async function openFile(path: string, mode: OpenMode): Promise<FileHandle> {
  const handle = await open(path, flags[mode], 0o600)
  return {
    read: async (target, position) => (await handle.read(target, 0, target.byteLength, position)).bytesRead,
    write: async (source, position) => (await handle.write(source, 0, source.byteLength, position)).bytesWritten,
    sizeBytes: async () => (await handle.stat()).size,
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  }
}

async function statFile(path: string): ReturnType<FileSystem['stat']> {
  try {
    const found = await stat(path)
    return { kind: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other', sizeBytes: found.size }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT' || (error as { code?: unknown }).code === 'ENOTDIR')
      return undefined
    throw error
  }
}

/** Not `mkdir` with `recursive`: where no folder can be made, as in /proc, Node 24 tries for ever. */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolders(dirname(path))
      await mkdir(path).catch((again: unknown) => ignoreFolder(again, path))
    } else await ignoreFolder(error, path)
  }
}

/** A folder that is there already, perhaps by another run's doing, is no error. */
async function ignoreFolder(error: unknown, path: string): Promise<void> {
  if ((await statFile(path).catch(() => undefined))?.kind !== 'folder') throw error
}

/** The machine's file system. */
export const nodeFileSystem: FileSystem = {
  open: openFile,
  readFile: (path) => readFile(path),
  list: (path) => readdir(path),
  makeFolder: makeFolders,
  remove: (path) => rm(path, { recursive: true, force: true }),
  realPath: (path) => realpath(path),
  stat: statFile,
}
