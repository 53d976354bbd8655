import {
  CorruptDataError,
  type GroupDType,
  isGroupDType,
  q4Group,
  type TensorInfo,
  UnsupportedDataError,
} from '@flexgen/spec'
import { checkedElementCount, isCountList } from '../source/checked-shape.ts'
import { quoteName } from '../text/one-line.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../text/strict-json.ts'

/** Version of the form in which this package writes 4-bit tensors; the only one so far. */
export const groupFormatVersion = '1'

const versionKey = 'flexgen.version'
const tensorsKey = 'flexgen.tensors'

/** Tensors by name, tensor, list of numbers. */
const maxDepth = 3

/** What a safetensors file says of a tensor that it holds as bytes of 4-bit groups. */
export interface GroupTensor {
  readonly dtype: GroupDType
  /** Of the values; the file's own shape is that of the bytes. */
  readonly shape: readonly number[]
}

/**
 * The shape under which a matrix of 4-bit groups lies in a file, as bytes: `[rows, groups, 36]` along the rows,
 * `[row groups, width, 36]` down the columns.
 */
export function groupBytesShape({ dtype, shape }: GroupTensor): number[] {
  const [rows, width] = shape as readonly [number, number]
  const groups = (count: number): number => Math.ceil(count / q4Group.values)
  return dtype === 'q4g64' ? [rows, groups(width), q4Group.bytes] : [groups(rows), width, q4Group.bytes]
}

/** The `__metadata__` of a file that holds these tensors: which of them are 4-bit groups, and of what. */
export function groupMetadata(tensors: readonly TensorInfo[]): Record<string, string> {
  const groups = tensors.flatMap(({ name, dtype, shape }) => (isGroupDType(dtype) ? [[name, { dtype, shape }]] : []))
  const table = JSON.stringify(Object.fromEntries(groups))
  return { format: 'flexgen', [versionKey]: groupFormatVersion, [tensorsKey]: table }
}

/**
 * Reads which tensors of a safetensors file are 4-bit groups; none where the file is not ours.
 * @param metadata the `__metadata__` of the header, whose values are texts
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for another version, `CORRUPT_DATA` for a table that makes no sense
 */
export function readGroupMetadata(path: string, metadata: JsonObject): ReadonlyMap<string, GroupTensor> {
  const version = metadata.get(versionKey)
  const table = metadata.get(tensorsKey)
  if (version === undefined && table === undefined) return new Map()
  if (version !== groupFormatVersion)
    throw new UnsupportedDataError(
      `${path}: 4-bit tensors of version ${typeof version === 'string' ? quoteName(version) : 'none'}; this program reads version ${groupFormatVersion}`,
      { hint: 'convert the original checkpoint again with flexgen convert, or take a newer flexgen' },
    )
  const what = `${path}: ${tensorsKey}`
  const tensors = typeof table === 'string' ? parseStrictJson(table, what, maxDepth) : undefined
  if (!isJsonObject(tensors)) throw new CorruptDataError(`${what} is not an object`)
  return new Map([...tensors].map(([name, fields]) => [name, readGroupTensor(what, name, fields)]))
}

function readGroupTensor(what: string, name: string, fields: JsonValue): GroupTensor {
  const dtype = isJsonObject(fields) ? fields.get('dtype') : undefined
  const shape = isJsonObject(fields) ? fields.get('shape') : undefined
  if (dtype !== 'q4g64' && dtype !== 'q4g64c')
    throw new CorruptDataError(`${what}: ${quoteName(name)} has none of the dtypes q4g64 and q4g64c`)
  if (!isCountList(shape) || shape.length !== 2 || shape.includes(0) || checkedElementCount(shape) === undefined)
    throw new CorruptDataError(`${what}: ${quoteName(name)} has a shape that is none of a matrix`)
  return { dtype, shape }
}

/**
 * Checks how a tensor of groups lies in its file.
 * @throws {CorruptDataError} where its bytes are not those of its groups
 */
export function checkGroupTensor(
  path: string,
  name: string,
  group: GroupTensor,
  stored: { readonly dtypeName: string; readonly shape: readonly number[] },
): void {
  const expected = groupBytesShape(group)
  if (stored.dtypeName === 'U8' && String(stored.shape) === String(expected)) return
  throw new CorruptDataError(
    `${path}: the tensor ${quoteName(name)} is ${stored.dtypeName} [${stored.shape.join(', ')}], but ` +
      `${group.dtype} [${group.shape.join(', ')}] lies in U8 [${expected.join(', ')}]`,
  )
}
