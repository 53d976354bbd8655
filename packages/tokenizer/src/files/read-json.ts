import { join } from 'node:path'
import { CorruptDataError, type FileSystem, StorageError } from '@flexgen/spec'
import { showValue } from '../text/show-value.ts'

/** A JSON object as it came from a file: nothing is known of its values. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Twice the largest tokenizer.json that is in use. */
const maxFileBytes = 2 ** 26
/** Twice as many as that one has; each costs up to 60 bytes of memory. */
const maxJsonValues = 4_000_000

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
  return bytes && decodeUtf8(bytes, path)
}

/**
 * The JSON object in a file; undefined where the file is not there.
 * @throws {FlexgenError} what `readText` throws, and `CORRUPT_DATA` for anything but a JSON object
 */
export async function readJson(fileSystem: FileSystem, folder: string, name: string): Promise<JsonObject | undefined> {
  const path = join(folder, name)
  const bytes = await read(fileSystem, path)
  if (bytes === undefined) return undefined
  refuseManyValues(bytes, path)
  const value = parse(decodeUtf8(bytes, path), path)
  if (!isJsonObject(value)) throw new CorruptDataError(`${path} does not hold a JSON object`)
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

function decodeUtf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new CorruptDataError(`${path} is not UTF-8 text`, { cause })
  }
}

/** A few bytes of JSON can make an object of many; every value but the first follows one of these characters. */
function refuseManyValues(bytes: Uint8Array, path: string): void {
  let count = 0
  for (const byte of bytes) if (byte === comma || byte === bracket || byte === brace) count++
  if (count > maxJsonValues) throw new CorruptDataError(`${path} has more than ${maxJsonValues} values`)
}

const [comma, bracket, brace] = Buffer.from(',[{')

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CorruptDataError(`${path} is not JSON: ${showValue((cause as SyntaxError).message)}`, { cause })
  }
}
