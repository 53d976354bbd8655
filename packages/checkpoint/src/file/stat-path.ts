import { type FileSystem, StorageError } from '@flexgen/spec'

/** What lies at a path, undefined where nothing does; system errors are translated. */
export async function statPath(fileSystem: FileSystem, path: string): Promise<Awaited<ReturnType<FileSystem['stat']>>> {
  try {
    return await fileSystem.stat(path)
  } catch (error) {
    throw StorageError.from(error, `look at ${path}`)
  }
}
