import { type DType, isGroupDType, type TensorInfo, UnsupportedDataError, type WeightSource } from '@flexgen/spec'
import { groupBytesShape, groupMetadata } from '../compressed/group-metadata.ts'
import { unknownTensor } from '../source/tensor-range.ts'
import { quoteName } from '../text/one-line.ts'

/** One file of a checkpoint that is to be written. */
export interface PlannedShard {
  readonly fileName: string
  /** Length and text of the safetensors header; the tensors follow it in their order, without gaps. */
  readonly header: Uint8Array
  readonly tensors: readonly TensorInfo[]
  readonly sizeBytes: number
}

/** A safetensors checkpoint that is to be written. */
export interface CheckpointPlan {
  readonly shards: readonly PlannedShard[]
  /** The index of several files. */
  readonly index: { readonly fileName: string; readonly bytes: Uint8Array } | undefined
  /** Of all files together. */
  readonly sizeBytes: number
}

/** Largest file that is written, as most repositories have it; one larger tensor gets a file of its own. */
export const defaultShardBytes = 5e9

const dtypeNames: Partial<Readonly<Record<DType, string>>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }
const encoder = new TextEncoder()

/**
 * Lays tensors of a source out in safetensors files, in the order of `names`; pure. 4-bit tensors are bytes there, and
 * `__metadata__` says what they are (docs/guides/compression.md).
 * @throws {FlexgenError} `CORRUPT_DATA` for a name that the source does not have, `UNSUPPORTED_DATA` for a dtype that
 * is none of weights
 */
export function planCheckpoint(
  source: Pick<WeightSource, 'tensors' | 'description'>,
  names: Iterable<string>,
  shardBytes: number = defaultShardBytes,
): CheckpointPlan {
  const groups: TensorInfo[][] = [[]]
  let filledBytes = 0
  for (const name of names) {
    const info = source.tensors.get(name)
    if (info === undefined) throw unknownTensor(name, source.description)
    if (filledBytes > 0 && filledBytes + info.byteLength > shardBytes) {
      groups.push([])
      filledBytes = 0
    }
    groups.at(-1)!.push(info)
    filledBytes += info.byteLength
  }
  const shards = groups.map((tensors, i): PlannedShard => {
    const header = headerOf(tensors)
    return { fileName: fileNameOf(i, groups.length), header, tensors, sizeBytes: header.byteLength + sizeOf(tensors) }
  })
  const index = shards.length === 1 ? undefined : indexOf(shards)
  const sizeBytes = shards.reduce((sum, shard) => sum + shard.sizeBytes, index?.bytes.byteLength ?? 0)
  return { shards, index, sizeBytes }
}

function fileNameOf(shard: number, count: number): string {
  const number = (value: number): string => String(value).padStart(5, '0')
  return count === 1 ? 'model.safetensors' : `model-${number(shard + 1)}-of-${number(count)}.safetensors`
}

function sizeOf(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

function headerOf(tensors: readonly TensorInfo[]): Uint8Array {
  let end = 0
  const fields = tensors.map((info) => {
    const begin = end
    end += info.byteLength
    const entry = { ...storedAs(info), data_offsets: [begin, end] }
    return `${JSON.stringify(info.name)}:${JSON.stringify(entry)}`
  })
  const text = encoder.encode(`{"__metadata__":${JSON.stringify(groupMetadata(tensors))},${fields.join(',')}}`)
  const paddedBytes = Math.ceil(text.byteLength / 8) * 8
  const header = new Uint8Array(8 + paddedBytes).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(paddedBytes), true)
  header.set(text, 8)
  return header
}

function storedAs({ name, dtype, shape }: TensorInfo): { readonly dtype: string; readonly shape: readonly number[] } {
  if (isGroupDType(dtype)) return { dtype: 'U8', shape: groupBytesShape({ dtype, shape }) }
  const dtypeName = dtypeNames[dtype]
  if (dtypeName === undefined) throw new UnsupportedDataError(`${quoteName(name)} is ${dtype}, which no weight can be`)
  return { dtype: dtypeName, shape }
}

function indexOf(shards: readonly PlannedShard[]): NonNullable<CheckpointPlan['index']> {
  const places = shards.flatMap(({ fileName, tensors }) => tensors.map(({ name }) => [name, fileName]))
  const metadata = { total_size: shards.reduce((sum, { tensors }) => sum + sizeOf(tensors), 0) }
  const text = JSON.stringify({ metadata, weight_map: Object.fromEntries(places) }, undefined, 1)
  return { fileName: 'model.safetensors.index.json', bytes: encoder.encode(`${text}\n`) }
}
