import { type FileSystem, StorageError } from '@flexgen/spec'
import { createDirectReader, type DirectReader, type DirectReaderOptions } from './direct-reader.ts'
import { createHandleCache } from './handle-cache.ts'
import { readFully } from './read-fully.ts'

/** Reads byte ranges of any files; each file is opened once. */
export interface FileReader {
  /** Fills `target`. @throws {FlexgenError} `FILE_NOT_FOUND`, `READ_FAILED` or `CORRUPT_DATA` */
  read(path: string, position: number, target: Uint8Array): Promise<void>
  /** Memory held for direct reads, in bytes. */
  readonly stagingBytes: number
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a file reader; with `direct` it goes around the page cache where it can. */
export function createFileReader(fileSystem: FileSystem, direct?: Omit<DirectReaderOptions, 'handles'>): FileReader {
  const handles = createHandleCache(fileSystem)
  const directReader: DirectReader | undefined = direct && createDirectReader({ ...direct, handles })
  return {
    get stagingBytes() {
      return directReader?.stagingBytes ?? 0
    },
    async read(path, position, target) {
      if (directReader !== undefined && (await directReader.tryRead(path, position, target))) return
      const handle = await handles.open(path, 'read').catch((error: unknown) => {
        throw StorageError.from(error, `read ${path}`)
      })
      await readFully(handle, path, position, target)
    },
    [Symbol.asyncDispose]: () => handles[Symbol.asyncDispose](),
  }
}
