import { join } from 'node:path'
import { CorruptDataError, NotFoundError, nodeFileSystem } from '@flexgen/spec'
import type { CheckpointOptions } from './checkpoint-options.ts'
import { OpenFiles } from './file/open-files.ts'
import { readWholeFile } from './file/read-whole-file.ts'
import { refuseLfsPointer } from './file/refuse-lfs-pointer.ts'
import { statPath } from './file/stat-path.ts'
import { decodeUtf8 } from './text/decode-utf8.ts'
import { isJsonObject, type JsonValue, parseStrictJson } from './text/strict-json.ts'

const maxConfigBytes = 2 ** 20
/** Configs of composed models have four levels. */
const maxDepth = 16

/** `Object.fromEntries` makes own properties only, whatever their names are. */
function plainValue(value: JsonValue): unknown {
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([name, inner]) => [name, plainValue(inner)]))
  return Array.isArray(value) ? (value as readonly JsonValue[]).map(plainValue) : value
}

/**
 * Reads `config.json` of a model folder; what it says is checked by the model family.
 * @returns a JSON object
 * @throws {FlexgenError} `MODEL_NOT_FOUND` where there is none, `CORRUPT_DATA` for bad JSON (with the position), a name
 * that occurs twice, anything but an object, or more than 1 MiB
 */
export async function readConfig(folder: string, options: CheckpointOptions = {}): Promise<unknown> {
  await using files = new OpenFiles(options.fileSystem ?? nodeFileSystem)
  const path = join(folder, 'config.json')
  if ((await statPath(files.fileSystem, path)) === undefined)
    throw new NotFoundError('MODEL_NOT_FOUND', `there is no config.json in ${folder}`)
  const bytes = await readWholeFile(files, path, maxConfigBytes)
  refuseLfsPointer(path, bytes)
  const config = parseStrictJson(decodeUtf8(bytes, path), path, maxDepth)
  if (!isJsonObject(config)) throw new CorruptDataError(`${path} does not hold a JSON object`)
  return plainValue(config)
}
