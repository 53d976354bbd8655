import { CorruptDataError } from '@flexgen/spec'
import { checkGroupTensor, type GroupTensor, readGroupMetadata } from '../compressed/group-metadata.ts'
import { checkedElementCount, isCountList } from '../source/checked-shape.ts'
import { describeTensor, type FileTensors, noTensors } from '../source/stored-tensor.ts'
import { decodeUtf8 } from '../text/decode-utf8.ts'
import { oneLine, quoteName } from '../text/one-line.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../text/strict-json.ts'
import { safetensorsDTypes } from './safetensors-dtype.ts'

/** Root, tensor, list of numbers. */
const maxDepth = 3

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtypeName: string
  readonly begin: number
  readonly end: number
}

function readEntry(path: string, name: string, fields: JsonValue): Entry {
  const fail = (problem: string): never => {
    throw new CorruptDataError(`${path}: the tensor ${quoteName(name)} ${problem}`)
  }
  if (!isJsonObject(fields)) return fail('is not described by an object')
  const dtypeName = fields.get('dtype')
  const shape = fields.get('shape')
  const offsets = fields.get('data_offsets')
  if (typeof dtypeName !== 'string') return fail('has no dtype')
  const bits = safetensorsDTypes.get(dtypeName)?.bits
  if (bits === undefined) return fail(`has the unknown dtype '${oneLine(dtypeName)}'`)
  if (!isCountList(shape)) return fail('has a shape that is not a list of at most 64 whole numbers of 0 or more')
  if (!isCountList(offsets) || offsets.length !== 2)
    return fail('has data_offsets that are not two whole numbers of 0 or more')
  const [begin, end] = offsets as readonly [number, number]
  if (begin > end) return fail(`ends at byte ${end}, before its begin ${begin}`)
  const count = checkedElementCount(shape)
  if (count === undefined) return fail(`has a shape [${shape.join(', ')}] that is too large`)
  const bytes = (count * bits) / 8
  if (bytes !== end - begin)
    return fail(`has ${end - begin} bytes, but ${dtypeName} [${shape.join(', ')}] needs ${bytes}`)
  return { name, shape, dtypeName, begin, end }
}

/** The tensors that are 4-bit groups; the rest of the metadata is for others. */
function readMetadata(path: string, metadata: JsonValue | undefined): ReadonlyMap<string, GroupTensor> {
  if (metadata === undefined) return new Map()
  if (isJsonObject(metadata) && [...metadata.values()].every((value) => typeof value === 'string'))
    return readGroupMetadata(path, metadata)
  throw new CorruptDataError(`${path}: __metadata__ is not a map of strings`)
}

/** Every tensor that the metadata calls 4-bit groups must be there, and be just that. */
function checkGroups(path: string, groups: ReadonlyMap<string, GroupTensor>, entries: readonly Entry[]): void {
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  for (const [name, group] of groups) {
    const entry = byName.get(name)
    if (entry === undefined) throw new CorruptDataError(`${path} has no tensor ${quoteName(name)}, but describes it`)
    checkGroupTensor(path, name, group, entry)
  }
}

/** Tensors must fill the data from its first to its last byte, so that nothing hides and nothing is shared. */
function checkCover(path: string, entries: readonly Entry[], dataBytes: number): void {
  let covered = 0
  let previous = 'the header'
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes)
      throw new CorruptDataError(
        `${path}: the tensor ${quoteName(name)} ends at byte ${end} of the data, which has ${dataBytes}: ` +
          'the file is truncated or damaged',
      )
    if (begin !== covered)
      throw new CorruptDataError(
        `${path}: there is ${begin < covered ? 'an overlap' : 'a hole'} of ${Math.abs(begin - covered)} bytes ` +
          `between ${previous} and ${quoteName(name)}`,
      )
    covered = end
    previous = quoteName(name)
  }
  if (covered !== dataBytes)
    throw new CorruptDataError(`${path}: ${dataBytes - covered} bytes after ${previous} belong to no tensor`)
}

/**
 * Reads and checks the header of a safetensors file.
 * @param header the JSON text, as bytes, which begins with `{`
 * @param dataStart where the data begins in the file, in bytes
 * @param dataBytes how many bytes of data the file has
 * @throws {CorruptDataError} for anything that does not describe exactly these bytes
 */
export function parseSafetensorsHeader(
  path: string,
  header: Uint8Array,
  dataStart: number,
  dataBytes: number,
): FileTensors {
  const root = parseStrictJson(decodeUtf8(header, `${path}: the header`), path, maxDepth) as JsonObject
  const groups = readMetadata(path, root.get('__metadata__'))
  const entries: Entry[] = []
  for (const [name, fields] of root) if (name !== '__metadata__') entries.push(readEntry(path, name, fields))
  checkCover(path, entries, dataBytes)
  checkGroups(path, groups, entries)
  const found = noTensors()
  for (const { name, shape, dtypeName, begin } of entries) {
    const group = groups.get(name)
    const dtype = group?.dtype ?? safetensorsDTypes.get(dtypeName)?.dtype
    if (dtype === undefined) found.skipped.set(name, `its element type is ${dtypeName}`)
    else {
      const info = describeTensor(name, group?.shape ?? shape, dtype)
      found.tensors.set(name, { info, path, byteOffset: dataStart + begin })
    }
  }
  return found
}
