import { type FileHandle, StorageError } from '@flexgen/spec'

/**
 * Writes all of `source` to a file from `position` on; writes that come back short are continued.
 * @throws {StorageError} `OUT_OF_DISK` or `NOT_WRITABLE`
 */
export async function writeFully(
  handle: FileHandle,
  path: string,
  position: number,
  source: Uint8Array,
): Promise<void> {
  for (let done = 0; done < source.byteLength;) {
    let count: number
    try {
      count = await handle.write(done === 0 ? source : source.subarray(done), position + done)
    } catch (error) {
      throw StorageError.from(error, `write ${path}`)
    }
    // A disk that takes nothing and names no error would otherwise be asked for ever.
    if (count === 0) throw new StorageError('OUT_OF_DISK', `cannot write ${path}: the disk took no more bytes`)
    done += count
  }
}
