import { StorageError } from '@flexgen/spec'
import { type FileHandle, open } from 'node:fs/promises'
import type { Output } from '../output/terminal.ts'
import type { OutputRecord } from './output-record.ts'

/** A file of JSON lines that grows by one line a result. */
export interface ResultFile extends AsyncDisposable {
  /** Removes what an older run has written. */
  clear(): Promise<void>
  add(record: OutputRecord): Promise<void>
}

/**
 * Opens the file, or `out` where it is `-`, and makes it where it is missing: before the run, so that a bad place costs no work. What is in it
 * stays until `clear`: a run that cannot start must not cost the results of the last one.
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
  const handle = await guard(open(file, 'a'))
  return {
    clear: () => guard(truncate(handle)),
    add: (record) => guard(handle.appendFile(`${JSON.stringify(record)}\n`)),
    [Symbol.asyncDispose]: () => guard(handle.close()),
  }
}

function lineWriter(out: Pick<Output, 'writeLine'>): ResultFile {
  return {
    clear: () => Promise.resolve(),
    add: (record) => Promise.resolve(out.writeLine(JSON.stringify(record))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Pipes and terminals have nothing to remove. */
async function truncate(handle: FileHandle): Promise<void> {
  if ((await handle.stat()).isFile()) await handle.truncate(0)
}
