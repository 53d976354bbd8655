import { constants } from 'node:fs'
import { dirname } from 'node:path'
import { type FileHandle, StorageError } from '@flexgen/spec'
import { blockBytes } from '../tier/piece-bytes.ts'
import { createAlignedPool } from './aligned-pool.ts'
import type { HandleCache } from './handle-cache.ts'
import type { AddressOf } from './load-address-of.ts'
import { truncatedError } from './read-fully.ts'

/** Reads around the page cache. */
export interface DirectReader {
  readonly stagingBytes: number
  /** Fills `target`, or gives false where the file must be read through the page cache. */
  tryRead(path: string, position: number, target: Uint8Array): Promise<boolean>
}

/** What a direct reader is made from. */
export interface DirectReaderOptions {
  readonly handles: HandleCache
  /** Longest read in bytes. */
  readonly chunkBytes: number
  /** Reads in flight that have a staging buffer. */
  readonly lanes: number
  /** Takes one line for people where direct reads are refused. */
  readonly notice: (text: string) => void
  /** Tells addresses; without it every read goes through a staging buffer. */
  readonly addressOf?: AddressOf | undefined
}

/** How systems say that a file or file system knows no direct reads; and no memory for the staging buffers. */
const refusals: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'OUT_OF_MEMORY'])

const blockStart = (position: number): number => Math.floor(position / blockBytes) * blockBytes
const blockEnd = (position: number): number => Math.ceil(position / blockBytes) * blockBytes

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
  const { handles, chunkBytes, lanes, notice, addressOf } = options
  const pool = createAlignedPool(lanes, chunkBytes + 2 * blockBytes)
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

  return {
    get stagingBytes() {
      return pool.heldBytes
    },
    async tryRead(path, position, target) {
      const folder = dirname(path)
      if (refused.has(folder)) return false
      if (constants.O_DIRECT === undefined) return refuse(folder, `not available on ${process.platform}`)
      try {
        await readAny(await handles.open(path, 'read-direct'), path, position, target)
        return true
      } catch (error) {
        const { code } = error as { code?: unknown }
        if (refusals.has(code)) return refuse(folder, String(code))
        throw StorageError.from(error, `read ${path}`)
      }
    },
  }
}

function isCongruent(address: bigint, position: number): boolean {
  return Number(address % BigInt(blockBytes)) === position % blockBytes
}
