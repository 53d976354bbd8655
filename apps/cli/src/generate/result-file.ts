import { StorageError } from '@flexgen/spec'
import { open } from 'node:fs/promises'
import type { OutputRecord } from './output-record.ts'

/** A file of JSON lines that grows by one line a result. */
export interface ResultFile extends AsyncDisposable {
  add(record: OutputRecord): Promise<void>
}

/**
 * Makes the file, replacing an older one; before the run, so that a bad place costs no work.
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`, `FILE_NOT_FOUND` for a missing folder
 */
export async function createResultFile(file: string): Promise<ResultFile> {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw StorageError.from(error, `write ${file}`)
    }
  }
  const handle = await guard(open(file, 'w'))
  return {
    add: (record) => guard(handle.appendFile(`${JSON.stringify(record)}\n`)),
    [Symbol.asyncDispose]: () => guard(handle.close()),
  }
}
