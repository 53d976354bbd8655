import { type FileHandle, type FileSystem, nodeFileSystem, StorageError, type TraceSink } from '@flexgen/spec'
import { createTraceLanes } from './trace-lanes.ts'

/** A trace file that is being written. */
export interface ChromeTrace extends TraceSink, AsyncDisposable {}

/** Text that is collected before it is written, in characters. */
const flushLength = 2 ** 16

/**
 * Writes a trace in Chrome's trace event format, one thread a queue, and more where its operations overlap; it opens in
 * Perfetto (ui.perfetto.dev). The file is made at once and an older one replaced; it is whole after dispose.
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`, or `FILE_NOT_FOUND` for a missing folder, at the latest from dispose
 */
export async function createChromeTrace(file: string, fileSystem: FileSystem = nodeFileSystem): Promise<ChromeTrace> {
  const handle = await openNew(file, fileSystem)
  const lanes = createTraceLanes()
  let text = '{"displayTimeUnit":"ms","traceEvents":[\n'
  let position = 0
  let separator = ''
  // Writes follow each other; the first failure is kept for dispose, since a sink must not throw.
  let written: Promise<void> = Promise.resolve()
  let failure: unknown

  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    try {
      for (let done = 0; done < bytes.byteLength;) {
        const count = await handle.write(bytes.subarray(done), position)
        done += count
        position += count
      }
    } catch (error) {
      failure ??= error
    }
  }
  const flush = (): void => {
    const bytes = new TextEncoder().encode(text)
    text = ''
    written = written.then(() => writeAll(bytes))
  }
  const event = (fields: object): void => {
    text += separator + JSON.stringify({ pid: 1, ...fields })
    separator = ',\n'
    if (text.length >= flushLength && failure === undefined) flush()
  }

  return {
    span: ({ queue, label, startMs, endMs, sizeBytes }) => {
      const { id: tid, name, isNew } = lanes.place(queue, startMs, endMs)
      if (isNew) event({ ph: 'M', name: 'thread_name', tid, args: { name } })
      const args = sizeBytes > 0 ? { args: { sizeBytes } } : {}
      event({ ph: 'X', name: label, tid, ts: startMs * 1000, dur: (endMs - startMs) * 1000, ...args })
    },
    [Symbol.asyncDispose]: async () => {
      text += '\n]}\n'
      flush()
      await written
      await handle.close()
      if (failure !== undefined) throw StorageError.from(failure, `write ${file}`)
    },
  }
}

async function openNew(file: string, fileSystem: FileSystem): Promise<FileHandle> {
  try {
    const found = await fileSystem.stat(file)
    if (found === undefined) return await fileSystem.open(file, 'create')
    const handle = await fileSystem.open(file, 'read-write')
    // A device has nothing to remove.
    if (found.kind === 'file') await handle.truncate(0)
    return handle
  } catch (error) {
    throw StorageError.from(error, `write ${file}`)
  }
}
