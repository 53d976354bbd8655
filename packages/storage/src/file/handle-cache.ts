import { type FileHandle, type FileSystem, type OpenMode, StorageError } from '@flexgen/spec'

/** Files that stay open for reading until the cache is disposed. */
export interface HandleCache {
  /** The file, opened once for each path and mode. @throws the system's error, as it came */
  open(path: string, mode: OpenMode): Promise<FileHandle>
  /** @throws {StorageError} where a file cannot be closed; all others are closed before */
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a cache of open files. */
export function createHandleCache(fileSystem: FileSystem): HandleCache {
  const handles = new Map<string, Promise<FileHandle>>()
  return {
    open(path, mode) {
      const key = `${mode} ${path}`
      let handle = handles.get(key)
      if (handle === undefined) {
        handle = fileSystem.open(path, mode)
        handles.set(key, handle)
        // What could not be opened is tried again the next time.
        handle.catch(() => handles.delete(key))
      }
      return handle
    },
    async [Symbol.asyncDispose]() {
      const open = [...handles.values()]
      handles.clear()
      // What could not be opened needs no closing; its error was told to who asked for it.
      const closed = await Promise.allSettled(open.map(async (opening) => (await opening.catch(() => {}))?.close()))
      const failed = closed.find((entry) => entry.status === 'rejected')
      if (failed !== undefined) throw StorageError.from(failed.reason, 'read and close a file')
    },
  }
}
