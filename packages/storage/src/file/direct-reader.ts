import { constants } from 'node:fs'
import { dirname } from 'node:path'
import { type FileHandle, StorageError } from '@flexgen/spec'
import { blockBytes, blockEnd, blockStart } from '../tier/piece-bytes.ts'
import type { AlignedPool } from './aligned-pool.ts'
import type { HandleCache } from './handle-cache.ts'
import type { AddressOf } from './load-address-of.ts'
import { truncatedError } from './read-fully.ts'

/** Reads around the page cache. */
export interface DirectReader {
  /** Fills `target`, or gives false where the file must be read through the page cache. */
  tryRead(path: string, position: number, target: Uint8Array): Promise<boolean>
  /** As `tryRead`, with `position` and `buffer` at block starts and whole blocks in length; fewer bytes may be needed. */
  tryReadBlocks(path: string, position: number, buffer: Uint8Array, neededBytes: number): Promise<boolean>
}

/** What a direct reader is made from. */
export interface DirectReaderOptions {
  readonly handles: HandleCache
  /** Staging buffers: as many as reads are in flight, each for the longest read and the rest of its two outer blocks. */
  readonly pool: AlignedPool
  /** Takes one line for people where direct reads are refused. */
  readonly notice: (text: string) => void
  /** Tells addresses; without it every read goes through a staging buffer. */
  readonly addressOf?: AddressOf | undefined
}

/** How systems say that a file or file system knows no direct reads; and no memory for the staging buffers. */
const refusals: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'OUT_OF_MEMORY'])

/**
 * Reads whole blocks into an aligned buffer until `neededBytes` are there; the last block of a file may be short.
 * @throws {CorruptDataError} where the file ends before
 */
async function readBlocks(
  handle: FileHandle,
  path: string,
  start: number,
  buffer: Uint8Array,
  neededBytes: number,
): Promise<void> {
  for (let done = 0; done < neededBytes;) {
    const count = await handle.read(done === 0 ? buffer : buffer.subarray(done), start + done)
    done += count
    // A part of a block comes only from the end of the file, and there is no going on from within a block.
    if (done < neededBytes && (count === 0 || done % blockBytes !== 0)) throw truncatedError(path, start + done)
  }
}

/**
 * Makes a direct reader. Bytes go straight into the target where memory and file are equally aligned (whole blocks
 * only), otherwise through a staging buffer. A file system that refuses is named in a notice, once a folder.
 */
export function createDirectReader(options: DirectReaderOptions): DirectReader {
  const { handles, pool, notice, addressOf } = options
  const refused = new Set<string>()
  const refuse = (folder: string, reason: string): false => {
    if (!refused.has(folder)) notice(`no direct reads in ${folder} (${reason}): read through the page cache`)
    refused.add(folder)
    return false
  }

  const readStaged = async (handle: FileHandle, path: string, position: number, target: Uint8Array): Promise<void> => {
    const buffer = await pool.take()
    try {
      const start = blockStart(position)
      const end = position + target.byteLength
      await readBlocks(handle, path, start, buffer.subarray(0, blockEnd(end) - start), end - start)
      target.set(buffer.subarray(position - start, end - start))
    } finally {
      pool.give(buffer)
    }
  }

  const readAny = async (handle: FileHandle, path: string, position: number, target: Uint8Array): Promise<void> => {
    const end = position + target.byteLength
    const [from, to] = [blockEnd(position), blockStart(end)]
    if (from >= to || addressOf === undefined || !isCongruent(addressOf(target), position))
      return readStaged(handle, path, position, target)
    await readBlocks(handle, path, from, target.subarray(from - position, to - position), to - from)
    if (position < from) await readStaged(handle, path, position, target.subarray(0, from - position))
    if (to < end) await readStaged(handle, path, to, target.subarray(to - position))
  }

  const tryWith = async (path: string, read: (handle: FileHandle) => Promise<void>): Promise<boolean> => {
    const folder = dirname(path)
    if (refused.has(folder)) return false
    if (constants.O_DIRECT === undefined) return refuse(folder, `not available on ${process.platform}`)
    try {
      await read(await handles.open(path, 'read-direct'))
      return true
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (refusals.has(code)) return refuse(folder, String(code))
      throw StorageError.from(error, `read ${path}`)
    }
  }

  return {
    tryRead: (path, position, target) => tryWith(path, (handle) => readAny(handle, path, position, target)),
    tryReadBlocks: (path, position, buffer, neededBytes) =>
      tryWith(path, (handle) => readBlocks(handle, path, position, buffer, neededBytes)),
  }
}

function isCongruent(address: bigint, position: number): boolean {
  return Number(address % BigInt(blockBytes)) === position % blockBytes
}
