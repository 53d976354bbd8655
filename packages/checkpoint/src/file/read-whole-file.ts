import { CorruptDataError } from '@flexgen/spec'
import type { OpenFiles } from './open-files.ts'

/**
 * Reads a whole file that is expected to be small.
 * @throws {FlexgenError} `CORRUPT_DATA` where it is larger than `maxBytes`, before anything is allocated
 */
export async function readWholeFile(files: OpenFiles, path: string, maxBytes: number): Promise<Uint8Array> {
  const sizeBytes = await files.sizeBytes(path)
  if (sizeBytes > maxBytes)
    throw new CorruptDataError(`${path} has ${sizeBytes} bytes; files of its kind have at most ${maxBytes}`)
  const bytes = new Uint8Array(sizeBytes)
  await files.read(path, 0, bytes)
  return bytes
}
