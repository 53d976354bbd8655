import { CorruptDataError, StorageError } from '@flexgen/spec'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * A file of JSON, parsed; undefined where there is none.
 * @throws {FlexgenError} `CORRUPT_DATA` for text that is not JSON; what reading fails with
 */
export async function readJsonFile(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw StorageError.from(error, `read ${file}`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CorruptDataError(`${file} is not JSON`, { cause: error, hint: 'correct the file, or delete it' })
  }
}

/**
 * Writes a file of JSON whole or not at all: readers beside it see the old one or the new one.
 * @throws {FlexgenError} what writing fails with
 */
export async function writeJsonFile(file: string, value: unknown): Promise<void> {
  const made = `${file}.${process.pid}`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(made, `${JSON.stringify(value, null, 2)}\n`)
    await rename(made, file)
  } catch (error) {
    throw StorageError.from(error, `write ${file}`)
  }
}
