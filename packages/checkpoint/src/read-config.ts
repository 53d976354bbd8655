import { join } from 'node:path'
import { CorruptDataError, NotFoundError, nodeFileSystem } from '@flexgen/spec'
import type { CheckpointOptions } from './checkpoint-options.ts'
import { OpenFiles } from './file/open-files.ts'
import { readWholeFile } from './file/read-whole-file.ts'
import { statPath } from './file/stat-path.ts'
import { decodeUtf8 } from './text/decode-utf8.ts'

const maxConfigBytes = 2 ** 20

function parseConfig(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const problem = (cause as SyntaxError).message
    // The engine names no position where the text just ends.
    const where = problem.includes('position') ? '' : ` at position ${text.length}`
    throw new CorruptDataError(`${path} is not JSON: ${problem.replaceAll(/\s+/g, ' ')}${where}`, { cause })
  }
}

/**
 * Reads `config.json` of a model folder; what it says is checked by the model family.
 * @returns a JSON object
 * @throws {FlexgenError} `MODEL_NOT_FOUND` where there is none, `CORRUPT_DATA` for bad JSON (with the position),
 * anything but an object, or more than 1 MiB
 */
export async function readConfig(folder: string, options: CheckpointOptions = {}): Promise<unknown> {
  await using files = new OpenFiles(options.fileSystem ?? nodeFileSystem)
  const path = join(folder, 'config.json')
  if ((await statPath(files.fileSystem, path)) === undefined)
    throw new NotFoundError('MODEL_NOT_FOUND', `there is no config.json in ${folder}`)
  const config = parseConfig(path, decodeUtf8(await readWholeFile(files, path, maxConfigBytes), path))
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new CorruptDataError(`${path} does not hold a JSON object`)
  return config
}
