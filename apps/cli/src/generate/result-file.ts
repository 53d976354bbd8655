import { InternalError, StorageError } from '@flexgen/spec'
import { type FileHandle, open } from 'node:fs/promises'
import type { Output } from '../output/terminal.ts'
import type { OutputLine } from './output-record.ts'
import { parseOutputLine } from './parse-output-line.ts'

/** A file of JSON lines that grows by one whole line a result. */
export interface ResultFile extends AsyncDisposable {
  /** Removes what an older run has written. */
  clear(): Promise<void>
  /** The whole lines of an older run; one that was torn when it was killed is removed. */
  recover(): Promise<OutputLine[]>
  /** A line that is written with the next sync, or at once where somebody may wait for it. */
  add(line: OutputLine): Promise<void>
  /**
   * Writes what was added since, in one piece, and brings it to the disk. That goes on while the next sweep computes; the
   * next sync waits for it, so that the disk is never more than one sweep behind.
   * @throws {FlexgenError} what the write before failed with
   */
  sync(): Promise<void>
}

/**
 * Opens the file, or `out` where it is `-`, and makes it where it is missing: before the run, so that a bad place costs
 * no work. What is in it stays until `clear`: a run that cannot start must not cost the results of the last one.
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`, `FILE_NOT_FOUND` for a missing folder
 */
export async function openResultFile(file: string, out: Pick<Output, 'writeLine'>): Promise<ResultFile> {
  if (file === '-') return lineWriter(out)
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw StorageError.from(error, `write ${file}`)
    }
  }
  const handle = await guard(open(file, 'a+'))
  const isFile = await isRegular(handle)
  // A write for each line, or a sweep that waits for the disk, would be a fifth of a job of short prompts.
  let lines: string[] = []
  const write = async (): Promise<void> => {
    const text = lines.join('')
    lines = []
    if (text === '') return
    await guard(handle.appendFile(text))
    if (isFile) await guard(handle.datasync())
  }
  let writing: Promise<void> = Promise.resolve()
  return {
    clear: () => guard(truncate(handle)),
    recover: async () => {
      const text = await guard(readAll(handle))
      const wholeBytes = Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1))
      if (wholeBytes < Buffer.byteLength(text)) await guard(handle.truncate(wholeBytes))
      const found = text.split('\n').slice(0, -1)
      return found.map((line, i) => parseOutputLine(line, `${file}, line ${i + 1}`))
    },
    add: (line) => {
      lines.push(`${JSON.stringify(line)}\n`)
      return isFile ? Promise.resolve() : write()
    },
    sync: async () => {
      await writing
      writing = write()
      // It is told by the next sync, or at the end.
      writing.catch(() => undefined)
    },
    [Symbol.asyncDispose]: async () => {
      // What has finished before an error is kept.
      try {
        await writing
        await write()
      } finally {
        await guard(handle.close())
      }
    },
  }
}

function lineWriter(out: Pick<Output, 'writeLine'>): ResultFile {
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    clear: nothing,
    recover: () => Promise.reject(new InternalError('standard output cannot be resumed')),
    add: (line) => Promise.resolve(out.writeLine(JSON.stringify(line))),
    sync: nothing,
    [Symbol.asyncDispose]: nothing,
  }
}

async function readAll(handle: FileHandle): Promise<string> {
  if (!(await isRegular(handle))) return ''
  const { size } = await handle.stat()
  const bytes = Buffer.alloc(size)
  let done = 0
  while (done < size) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.toString('utf8', 0, done)
}

/** Pipes and terminals have nothing to remove, and nothing to sync. */
async function truncate(handle: FileHandle): Promise<void> {
  if (await isRegular(handle)) await handle.truncate(0)
}

async function isRegular(handle: FileHandle): Promise<boolean> {
  return (await handle.stat()).isFile()
}
