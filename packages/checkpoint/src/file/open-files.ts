import {
  AbortedError,
  CorruptDataError,
  type FileHandle,
  type FileSystem,
  InternalError,
  StorageError,
} from '@flexgen/spec'

/** Handles that stay open; FlexGen's numpy folders have a thousand files, and 1024 open ones is a usual limit. */
const maxOpenFiles = 64

/** Bytes of one positioned read at most. */
const readBytes = 16 * 2 ** 20

interface OpenFile {
  readonly handle: Promise<FileHandle>
  users: number
}

/** The files of a checkpoint: opened when first read, kept open while they are in use, closed on dispose. */
export class OpenFiles {
  readonly fileSystem: FileSystem
  /** In order of last use. */
  readonly #open = new Map<string, OpenFile>()
  readonly #running = new Set<Promise<unknown>>()
  #disposed = false

  constructor(fileSystem: FileSystem) {
    this.fileSystem = fileSystem
  }

  /** Size of a file in bytes. */
  sizeBytes(path: string): Promise<number> {
    return this.#use(path, `read the size of ${path}`, (handle) => handle.sizeBytes())
  }

  /**
   * Fills `target` with the bytes of a file from `position` on; settles only when no byte moves any more.
   * @throws {FlexgenError} `FILE_NOT_FOUND`, `READ_FAILED`, `CORRUPT_DATA` where the file ends early, `ABORTED`
   */
  read(path: string, position: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#use(path, `read ${path}`, async (handle) => {
      let done = 0
      while (done < target.byteLength) {
        if (signal?.aborted) throw new AbortedError(`reading ${path} was stopped`, { cause: signal.reason })
        const count = await handle.read(target.subarray(done, done + readBytes), position + done)
        if (count === 0)
          throw new CorruptDataError(
            `${path} ends at byte ${position + done}, but byte ${position + target.byteLength} was to be read: ` +
              'the file was changed or truncated',
          )
        done += count
      }
    })
  }

  /** Closes all files once the running reads have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await Promise.allSettled(this.#running)
    const files = [...this.#open]
    this.#open.clear()
    for (const [path, file] of files) await this.#close(path, file)
  }

  async #use<T>(path: string, doing: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    if (this.#disposed) throw new InternalError(`cannot ${doing}: the checkpoint is closed`)
    const file: OpenFile = this.#open.get(path) ?? { handle: this.#openFile(path), users: 0 }
    this.#open.delete(path)
    this.#open.set(path, file)
    // A file that did not open is tried again next time.
    file.handle.catch(() => this.#open.delete(path))
    file.users++
    const running = file.handle.then(work)
    this.#running.add(running)
    try {
      return await running
    } catch (error) {
      throw StorageError.from(error, doing)
    } finally {
      this.#running.delete(running)
      file.users--
      await this.#closeUnused()
    }
  }

  async #openFile(path: string): Promise<FileHandle> {
    try {
      // Opening a pipe waits for its writer, so look first.
      const found = await this.fileSystem.stat(path)
      if (found !== undefined && found.kind !== 'file') throw new CorruptDataError(`${path} is not a file`)
      return await this.fileSystem.open(path, 'read')
    } catch (error) {
      throw StorageError.from(error, `open ${path}`)
    }
  }

  async #closeUnused(): Promise<void> {
    for (const [path, file] of this.#open) {
      if (this.#open.size <= maxOpenFiles) return
      if (file.users > 0) continue
      this.#open.delete(path)
      await this.#close(path, file)
    }
  }

  async #close(path: string, file: OpenFile): Promise<void> {
    try {
      await (await file.handle).close()
    } catch (error) {
      throw StorageError.from(error, `close ${path}`)
    }
  }
}
