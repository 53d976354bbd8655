import { join } from 'node:path'
import { type FileHandle, type FileSystem, StorageError } from '@flexgen/spec'
import type { FileReader } from '../file/file-reader.ts'
import { writeFully } from '../file/write-fully.ts'
import type { ReadRun } from '../tier/read-batches.ts'
import { createFreeList, roundToBlocks } from './free-list.ts'
import { createOffloadFolder, offloadFile, removeOffloadFolder } from './offload-folder.ts'
import type { RoomFor } from './room-for.ts'

/** The offload file of one run. Nothing is on disk before the first `take`. */
export interface OffloadSpace {
  /** Offset of a free range. @throws {StorageError} `OUT_OF_DISK` or `NOT_WRITABLE` */
  take(byteLength: number): Promise<number>
  give(byteOffset: number, byteLength: number): void
  read(position: number, target: Uint8Array): Promise<void>
  /** Reads runs whose positions count from `base`. */
  readRuns(base: number, runs: readonly ReadRun[]): Promise<void>
  write(position: number, source: Uint8Array): Promise<void>
  /** Removes the file and its folder; the reader must have closed its files. */
  remove(): Promise<void>
}

/** What an offload file is made from. */
export interface OffloadSpaceOptions {
  readonly fileSystem: FileSystem
  readonly offloadDir: string
  readonly reader: FileReader
  readonly roomFor: RoomFor
}

interface OpenFile {
  readonly folder: string
  readonly path: string
  readonly handle: FileHandle
}

/** Makes the offload file of a run, of no size. */
export function createOffloadSpace({ fileSystem, offloadDir, reader, roomFor }: OffloadSpaceOptions): OffloadSpace {
  const freeList = createFreeList()
  let opened: Promise<OpenFile> | undefined
  let sizeBytes = 0
  /** Growing is done one after the other, so that no growth undoes a larger one. */
  let growing: Promise<void> = Promise.resolve()

  const open = async (): Promise<OpenFile> => {
    const folder = await createOffloadFolder(fileSystem, offloadDir)
    const path = join(folder, offloadFile)
    try {
      return { folder, path, handle: await fileSystem.open(path, 'create') }
    } catch (error) {
      await fileSystem.remove(folder).catch(() => {})
      throw StorageError.from(error, `write ${path}`)
    }
  }

  const file = (): Promise<OpenFile> => {
    if (opened === undefined) {
      opened = open()
      // What could not be made is tried again by the next allocation.
      opened.catch(() => (opened = undefined))
    }
    return opened
  }

  const grow = async (neededBytes: number): Promise<void> => {
    if (neededBytes <= sizeBytes) return
    const { path, handle } = await file()
    const room = await roomFor(path)
    if (room !== undefined && neededBytes > room)
      throw new StorageError('OUT_OF_DISK', `${path} needs ${neededBytes} bytes, and the disk has room for ${room}`)
    try {
      await handle.truncate(neededBytes)
    } catch (error) {
      throw StorageError.from(error, `write ${path}`)
    }
    sizeBytes = neededBytes
  }

  return {
    async take(byteLength) {
      const byteOffset = freeList.take(byteLength)
      const step = growing.then(() => grow(byteOffset + roundToBlocks(byteLength)))
      growing = step.catch(() => {})
      try {
        await step
      } catch (error) {
        freeList.give(byteOffset, byteLength)
        throw error
      }
      return byteOffset
    },
    give: (byteOffset, byteLength) => freeList.give(byteOffset, byteLength),
    read: async (position, target) => reader.read((await file()).path, position, target),
    readRuns: async (base, runs) => reader.readRuns((await file()).path, base, runs),
    async write(position, source) {
      const { path, handle } = await file()
      await writeFully(handle, path, position, source)
    },
    async remove() {
      await growing
      const open = await opened?.catch(() => undefined)
      opened = undefined
      if (open === undefined) return
      try {
        try {
          await open.handle.close()
        } finally {
          // A file that cannot be closed must not stay either.
          await removeOffloadFolder(fileSystem, open.folder)
        }
      } catch (error) {
        throw StorageError.from(error, `write ${open.folder}`)
      }
    },
  }
}
