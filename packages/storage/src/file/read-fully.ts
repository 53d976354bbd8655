import { CorruptDataError, type FileHandle, StorageError } from '@flexgen/spec'

/** The error for a file that ends inside a range that was there when it was opened. */
export function truncatedError(path: string, position: number): CorruptDataError {
  return new CorruptDataError(`file truncated while it was read: ${path} ends at byte ${position}`, {
    hint: 'leave the file alone while it is in use, or fetch it again',
  })
}

/**
 * Fills `target` with the bytes of a file from `position` on; reads that come back short are continued.
 * @throws {CorruptDataError} where the file ends before
 * @throws {StorageError} `READ_FAILED`
 */
export async function readFully(handle: FileHandle, path: string, position: number, target: Uint8Array): Promise<void> {
  for (let done = 0; done < target.byteLength;) {
    let count: number
    try {
      count = await handle.read(done === 0 ? target : target.subarray(done), position + done)
    } catch (error) {
      throw StorageError.from(error, `read ${path}`)
    }
    if (count === 0) throw truncatedError(path, position + done)
    done += count
  }
}
