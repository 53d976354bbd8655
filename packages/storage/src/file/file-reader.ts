import { bytesOf, type FileSystem, StorageError } from '@flexgen/spec'
import { blockBytes, blockStart } from '../tier/piece-bytes.ts'
import { batchBytes, type ReadRun, runBytes } from '../tier/read-batches.ts'
import { createAlignedPool } from './aligned-pool.ts'
import { createDirectReader, type DirectReader, type DirectReaderOptions } from './direct-reader.ts'
import { createHandleCache } from './handle-cache.ts'
import { readFully } from './read-fully.ts'

/** Reads byte ranges of any files; each file is opened once. */
export interface FileReader {
  /** Fills `target`. @throws {FlexgenError} `FILE_NOT_FOUND`, `READ_FAILED` or `CORRUPT_DATA` */
  read(path: string, position: number, target: Uint8Array): Promise<void>
  /**
   * Reads the runs of a batch at once through a staging buffer; their positions count from `base`, the start of a block.
   * @throws {FlexgenError} as `read` does, once no run is read any more; `OUT_OF_MEMORY` without a staging buffer
   */
  readRuns(path: string, base: number, runs: readonly ReadRun[]): Promise<void>
  /** Memory held for staging buffers, in bytes. */
  readonly stagingBytes: number
  [Symbol.asyncDispose](): Promise<void>
}

/** What a file reader is made from. */
export interface FileReaderOptions {
  readonly fileSystem: FileSystem
  /** Staging buffers: reads in flight that have one. */
  readonly lanes: number
  /** Present to go around the page cache where that can be; `chunkBytes` is the longest read. */
  readonly direct?: (Omit<DirectReaderOptions, 'handles' | 'pool'> & { readonly chunkBytes: number }) | undefined
}

/** Makes a file reader. */
export function createFileReader({ fileSystem, lanes, direct }: FileReaderOptions): FileReader {
  const handles = createHandleCache(fileSystem)
  const pool = createAlignedPool(lanes, Math.max(batchBytes, direct?.chunkBytes ?? 0) + 2 * blockBytes)
  const directReader: DirectReader | undefined = direct && createDirectReader({ ...direct, handles, pool })

  const readCached = async (path: string, position: number, target: Uint8Array): Promise<void> => {
    const handle = await handles.open(path, 'read').catch((error: unknown) => {
      throw StorageError.from(error, `read ${path}`)
    })
    await readFully(handle, path, position, target)
  }

  const readRun = async (path: string, base: number, run: ReadRun, buffer: Uint8Array): Promise<void> => {
    const [start, position] = [blockStart(run.start), base + blockStart(run.start)]
    const neededBytes = run.end - start
    const isThere = await directReader?.tryReadBlocks(path, position, buffer, neededBytes)
    if (!isThere) await readCached(path, position, buffer.subarray(0, neededBytes))
    for (const part of run.parts) {
      const at = part.position - start
      bytesOf(part.target).set(buffer.subarray(at, at + part.target.byteLength))
    }
  }

  return {
    get stagingBytes() {
      return pool.heldBytes
    },
    async read(path, position, target) {
      if (directReader !== undefined && (await directReader.tryRead(path, position, target))) return
      await readCached(path, position, target)
    },
    async readRuns(path, base, runs) {
      const buffer = await pool.take()
      try {
        let at = 0
        const reads = runs.map((run) => readRun(path, base, run, buffer.subarray(at, (at += runBytes(run)))))
        // The buffer is in use until the last read has ended, also after one that has failed.
        const failed = (await Promise.allSettled(reads)).find((result) => result.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      } finally {
        pool.give(buffer)
      }
    },
    [Symbol.asyncDispose]: () => handles[Symbol.asyncDispose](),
  }
}
