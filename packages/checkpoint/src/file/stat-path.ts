import type { FileSystem } from '@flexgen/spec'
import { readFailure } from './read-failure.ts'

/** What lies at a path, undefined where nothing does; system errors are translated. */
export async function statPath(fileSystem: FileSystem, path: string): Promise<Awaited<ReturnType<FileSystem['stat']>>> {
  try {
    return await fileSystem.stat(path)
  } catch (error) {
    throw readFailure(error, `look at ${path}`)
  }
}
