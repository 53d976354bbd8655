import { CorruptDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { readWholeFile } from '../file/read-whole-file.ts'
import { refuseLfsPointer } from '../file/refuse-lfs-pointer.ts'
import { decodeUtf8 } from '../text/decode-utf8.ts'
import { quoteName } from '../text/one-line.ts'
import { isJsonObject, parseStrictJson } from '../text/strict-json.ts'

/** Indexes of the largest models have some hundred kilobytes. */
const maxIndexBytes = 32 * 2 ** 20
const maxDepth = 8

/** A name that stays in its folder on every platform: no separators, no drive, no control characters. */
function isPlainFileName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && name !== '.' && name !== '..' && !/[/\\:\p{C}]/u.test(name)
}

/**
 * Reads a `*.index.json` of a sharded checkpoint: names of tensors by name of file.
 *
 * Only the names must be plain; the files may be symbolic links, as in the Hugging Face cache.
 * @throws {FlexgenError} `CORRUPT_DATA` for anything else than a map of tensor names to plain file names
 */
export async function readShardIndex(files: OpenFiles, path: string): Promise<Map<string, string[]>> {
  const bytes = await readWholeFile(files, path, maxIndexBytes)
  refuseLfsPointer(path, bytes)
  const index = parseStrictJson(decodeUtf8(bytes, path), path, maxDepth)
  const weightMap = isJsonObject(index) ? index.get('weight_map') : undefined
  if (!isJsonObject(weightMap) || weightMap.size === 0)
    throw new CorruptDataError(`${path} has no "weight_map" that says which file holds which tensor`)
  const shards = new Map<string, string[]>()
  for (const [tensor, file] of weightMap) {
    if (typeof file !== 'string' || !isPlainFileName(file))
      throw new CorruptDataError(
        `${path}: the file of ${quoteName(tensor)} is ${typeof file === 'string' ? quoteName(file) : typeof file}, ` +
          'which is not a plain file name',
        { hint: 'a shard must lie beside its index; do not use this checkpoint if you do not trust its origin' },
      )
    const names = shards.get(file)
    if (names === undefined) shards.set(file, [tensor])
    else names.push(tensor)
  }
  return shards
}
