import { setImmediate } from 'node:timers/promises'
import {
  AbortedError,
  dtypeBytes,
  elementCount,
  InternalError,
  type TensorInfo,
  UsageError,
  type WeightSource,
} from '@flexgen/spec'
import { checkedElementCount, isCountList } from '../source/checked-shape.ts'
import { describeTensor } from '../source/stored-tensor.ts'
import { checkRange, unknownTensor } from '../source/tensor-range.ts'
import { quoteName } from '../text/one-line.ts'
import { copyRepeated } from './copy-repeated.ts'
import type { DummyDType } from './encode-value.ts'
import { makeTile } from './make-tile.ts'
import { mixSeed } from './mix-seed.ts'
import { tileElements } from './tile-size.ts'

/** What generated weights are made from. */
export interface DummySourceOptions {
  readonly tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>
  readonly dtype: DummyDType
  readonly seed: number
  /** Size of the repeated tile at most, 1 MiB by default; a few elements are added. */
  readonly tileBytes?: number | undefined
}

/** Values that a tensor repeats without end. */
export interface RepeatedValues {
  /** An odd number of values of the tensor's dtype; all matrices repeat the same ones. */
  readonly tile: Uint8Array
  /** Element of the tile with which the tensor starts. */
  readonly start: number
}

/** Generated weights; `tileBytes` is what they hold in memory once the first one was read. */
export interface DummySource extends WeightSource {
  readonly tileBytes: number
  /** What a tensor is a repetition of: whoever makes something of every value needs to do so once only. */
  repeated(name: string): RepeatedValues
}

/** Stays in a core's cache while it is copied, and has more values than tables have rows. */
const defaultTileBytes = 2 ** 20
/** Copied before other work gets a turn. */
const stepBytes = 16 * 2 ** 20
/** `init_std` of OPT in the configs of the Hugging Face hub. */
const deviation = 0.02

interface Tile {
  readonly elements: number
  readonly make: () => Uint8Array
  /** Made at the first read. */
  bytes: Uint8Array | undefined
}

/** Scales of layer norms must be near 1, or activations die out from layer to layer. */
function isScale({ name, shape }: TensorInfo): boolean {
  return shape.length === 1 && name.endsWith('weight')
}

function describeAll({ tensors, dtype }: DummySourceOptions): Map<string, TensorInfo> {
  const infos = new Map<string, TensorInfo>()
  for (const { name, shape } of tensors) {
    if (infos.has(name)) throw new UsageError(`the tensor ${quoteName(name)} is given twice`)
    if (!isCountList(shape) || checkedElementCount(shape) === undefined)
      throw new UsageError(`the tensor ${quoteName(name)} has the impossible shape [${shape.join(', ')}]`)
    infos.set(name, describeTensor(name, shape, dtype))
  }
  return infos
}

/**
 * Makes weights of any size without a checkpoint: normal values of deviation 0.02, layer norm scales around 1.
 *
 * One tile of random values is made at the first read and repeated into place by plain copies, from another offset
 * for each tensor. The same seed gives the same bytes, in whatever pieces they are read.
 * @throws {FlexgenError} `USAGE` for a name that occurs twice or an impossible shape
 */
export function createDummySource(options: DummySourceOptions): DummySource {
  const { dtype, seed, tileBytes = defaultTileBytes } = options
  const infos = describeAll(options)
  const itemBytes = dtypeBytes(dtype, 1)
  const description = `generated ${dtype} weights, seed ${seed}`

  function createTile(mean: number, members: readonly TensorInfo[]): Tile {
    const largest = members.reduce((most, { shape }) => Math.max(most, elementCount(shape)), 0)
    const elements = members.length === 0 ? 0 : tileElements(largest, Math.floor(tileBytes / itemBytes))
    const make = (): Uint8Array => makeTile(dtype, elements, mean, deviation, mixSeed(`${mean}`, seed))
    return { elements, make, bytes: undefined }
  }

  const all = [...infos.values()]
  const scales = createTile(1, all.filter(isScale))
  const values = createTile(
    0,
    all.filter((info) => !isScale(info)),
  )

  let isDisposed = false

  function infoOf(name: string): TensorInfo {
    const info = infos.get(name)
    if (info === undefined) throw unknownTensor(name, description)
    return info
  }

  function repeated(name: string): RepeatedValues {
    const info = infoOf(name)
    if (isDisposed) throw new InternalError(`cannot read ${quoteName(name)}: the ${description} are closed`)
    const home = isScale(info) ? scales : values
    return { tile: (home.bytes ??= home.make()), start: mixSeed(name, seed) % home.elements }
  }

  async function read(name: string, byteOffset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkRange(name, infoOf(name).byteLength, byteOffset, target.byteLength)
    if (target.byteLength === 0) return
    const { tile, start } = repeated(name)
    for (let done = 0; done < target.byteLength; done += stepBytes) {
      if (done > 0) await setImmediate()
      if (signal?.aborted) throw new AbortedError(`reading ${quoteName(name)} was stopped`, { cause: signal.reason })
      copyRepeated(tile, start * itemBytes + byteOffset + done, target.subarray(done, done + stepBytes))
    }
  }

  return {
    specificationVersion: 'v1',
    description,
    tensors: infos,
    tileBytes: (scales.elements + values.elements) * itemBytes,
    extents: (name, byteOffset, byteLength) => {
      checkRange(name, infoOf(name).byteLength, byteOffset, byteLength)
      return undefined
    },
    repeated,
    read,
    [Symbol.asyncDispose]: () => {
      isDisposed = true
      scales.bytes = values.bytes = undefined
      return Promise.resolve()
    },
  }
}
