import { constants } from 'node:fs'
import { mkdir, open, readFile, readdir, realpath, rm, stat } from 'node:fs/promises'
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

/** The machine's file system. */
export const nodeFileSystem: FileSystem = {
  open: openFile,
  readFile: (path) => readFile(path),
  list: (path) => readdir(path),
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  remove: (path) => rm(path, { recursive: true, force: true }),
  realPath: (path) => realpath(path),
  stat: statFile,
}
