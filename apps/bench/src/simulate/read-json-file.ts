import { CorruptDataError, NotFoundError, StorageError } from '@flexgen/spec'
import { readFile } from 'node:fs/promises'

/**
 * Parsed JSON of a file.
 * @param what what the file is, for messages
 * @throws {NotFoundError} where there is no such file
 * @throws {CorruptDataError} for text that is no JSON
 */
export async function readJsonFile(file: string, what: string, hint?: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw StorageError.from(error, `read ${file}`)
    throw new NotFoundError('FILE_NOT_FOUND', `there is no ${what} '${file}'`, { ...(hint && { hint }), cause: error })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CorruptDataError(`${what} ${file} is no JSON: ${(error as Error).message}`, { cause: error })
  }
}
