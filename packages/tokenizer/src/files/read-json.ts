import { join } from 'node:path'
import { CorruptDataError, type FileSystem, StorageError } from '@flexgen/spec'

/** A JSON object as it came from a file: nothing is known of its values. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Several times the largest tokenizer.json that is in use. */
const maxFileBytes = 2 ** 27

/** Whether a value is a JSON object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Size in bytes of the file at a path; undefined where there is none.
 * @throws {FlexgenError} as the system says, where it cannot say
 */
export async function fileSize(fileSystem: FileSystem, path: string): Promise<number | undefined> {
  const found = await fileSystem.stat(path).catch((error: unknown) => {
    throw StorageError.from(error, `read ${path}`)
  })
  return found?.kind === 'file' ? found.sizeBytes : undefined
}

/**
 * Text of a file; undefined where it is not there.
 * @throws {FlexgenError} as the system says, `CORRUPT_DATA` for bytes that are no UTF-8
 */
export async function readText(fileSystem: FileSystem, folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name)
  const bytes = await read(fileSystem, path)
  if (bytes === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new CorruptDataError(`${path} is not UTF-8 text`, { cause })
  }
}

/**
 * The JSON object in a file; undefined where the file is not there.
 * @throws {FlexgenError} what `readText` throws, and `CORRUPT_DATA` for anything but a JSON object
 */
export async function readJson(fileSystem: FileSystem, folder: string, name: string): Promise<JsonObject | undefined> {
  const text = await readText(fileSystem, folder, name)
  if (text === undefined) return undefined
  const value = parse(text, join(folder, name))
  if (!isJsonObject(value)) throw new CorruptDataError(`${join(folder, name)} does not hold a JSON object`)
  return value
}

async function read(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  const sizeBytes = await fileSize(fileSystem, path)
  if (sizeBytes === undefined) return undefined
  if (sizeBytes > maxFileBytes) {
    throw new CorruptDataError(`${path} has ${sizeBytes} bytes, a file of a tokenizer has at most ${maxFileBytes}`)
  }
  return await fileSystem.readFile(path).catch((error: unknown) => {
    throw StorageError.from(error, `read ${path}`)
  })
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = String((cause as SyntaxError).message).replaceAll(/\s+/g, ' ')
    throw new CorruptDataError(`${path} is not JSON: ${reason}`, { cause })
  }
}
