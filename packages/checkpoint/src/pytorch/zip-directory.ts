import { CorruptDataError, FlexgenError } from '@flexgen/spec'
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl'
import type { OpenFiles } from '../file/open-files.ts'
import { oneLine, quoteName } from '../text/one-line.ts'

/** Far more than the files of the largest checkpoints have. */
const maxEntries = 100_000
/** Names and comments of all entries together; they are held in memory. */
const maxDirectoryBytes = 16 * 2 ** 20

/** A file in a zip archive. */
export interface ZipEntry {
  readonly byteLength: number
  /** Whether its bytes lie in the archive as they are, neither compressed nor encrypted. */
  readonly isPlain: boolean
  /** Where its bytes begin in the archive; reads the local header. */
  findStart(): Promise<number>
}

class ArchiveReader extends RandomAccessReader {
  readonly #files: OpenFiles
  readonly #path: string
  readonly #sizeBytes: number
  readonly #onCrash: (error: unknown) => void

  constructor(files: OpenFiles, path: string, sizeBytes: number, onCrash: (error: unknown) => void) {
    super()
    this.#files = files
    this.#path = path
    this.#sizeBytes = sizeBytes
    this.#onCrash = onCrash
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const target = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length)
    // What yauzl throws while it looks at the bytes would otherwise end the process.
    this.#deliver(position, target, callback).catch(this.#onCrash)
  }

  async #deliver(position: number, target: Uint8Array, callback: (error: Error | null) => void): Promise<void> {
    let failure: Error | null = null
    try {
      await this.#readInside(position, target)
    } catch (error) {
      failure = error as Error
    }
    callback(failure)
  }

  async #readInside(position: number, target: Uint8Array): Promise<void> {
    if (!(position + target.byteLength <= this.#sizeBytes))
      throw new CorruptDataError(`${this.#path}: the zip archive points behind the end of the file`)
    await this.#files.read(this.#path, position, target)
  }
}

/**
 * Reads the directory of a zip or zip64 archive.
 * @throws {FlexgenError} `CORRUPT_DATA` where it is no archive, is truncated, too large or has a name twice; `READ_FAILED`
 */
export async function readZipDirectory(files: OpenFiles, path: string): Promise<Map<string, ZipEntry>> {
  const crash = Promise.withResolvers<never>()
  crash.promise.catch(() => undefined)
  async function guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, crash.promise])
    } catch (error) {
      if (FlexgenError.isInstance(error)) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new CorruptDataError(`${path} is not a readable zip archive: ${oneLine(reason)}`, { cause: error })
    }
  }

  const sizeBytes = await files.sizeBytes(path)
  const reader = new ArchiveReader(files, path, sizeBytes, crash.reject)
  const zip = await guard(fromRandomAccessReaderPromise(reader, sizeBytes, { autoClose: false }))
  if (zip.entryCount > maxEntries)
    throw new CorruptDataError(`${path}: the zip archive claims to have ${zip.entryCount} entries`)
  const entries = new Map<string, ZipEntry>()
  let directoryBytes = 0
  const found = zip.eachEntry()
  for (let next = await guard(found.next()); next.done !== true; next = await guard(found.next())) {
    const entry: Entry = next.value
    directoryBytes += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength
    if (directoryBytes > maxDirectoryBytes)
      throw new CorruptDataError(`${path}: the names in the zip archive have more than ${maxDirectoryBytes} bytes`)
    if (entries.has(entry.fileName))
      throw new CorruptDataError(`${path}: the zip archive has ${quoteName(entry.fileName)} twice`)
    entries.set(entry.fileName, {
      byteLength: entry.uncompressedSize,
      isPlain: entry.compressionMethod === 0 && !entry.isEncrypted(),
      findStart: async () => (await guard(zip.readLocalFileHeaderPromise(entry, { minimal: true }))).fileDataStart,
    })
  }
  return entries
}
