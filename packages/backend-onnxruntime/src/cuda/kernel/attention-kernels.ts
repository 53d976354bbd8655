import { type DType, type NodeOf, q4Group } from '@flexgen/spec'
import type { TensorType } from '../../onnx/tensor-type.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { blockThreads, blockWarps, type DeviceKernels } from './device-kernels.ts'

/** Where attention reads and writes, `[batch * seq, width]` each. */
export interface AttentionOperands {
  readonly q: bigint
  readonly k: bigint
  readonly v: bigint
  readonly y: bigint
  /** Keys and values as the cache holds them; written where they are not 0. */
  readonly keptKeys: bigint
  readonly keptValues: bigint
  /** `rowBytes` for each row of the batch, as `writeRow` writes them. */
  readonly rows: bigint
}

/** Types of activations and of the cache. */
export interface AttentionTypes {
  readonly compute: TensorType
  readonly cache: DType
}

/** Sizes of a launch. */
export interface AttentionSizes {
  readonly batch: number
  readonly seq: number
  readonly maxPositions: number
}

/** New tokens of one row, and where its keys and values lie. */
export interface AttentionRow {
  readonly keys: bigint
  readonly values: bigint
  readonly start: number
  readonly count: number
  /** Past positions that a sparse decode keeps; undefined where all are attended. */
  readonly keep: number | undefined
}

/** Bytes of a row's description. */
export const attentionRowBytes = 32

/** Writes a row's description, as the kernels read it. */
export function writeAttentionRow(target: DataView, index: number, row: AttentionRow): void {
  const at = index * attentionRowBytes
  target.setBigUint64(at, row.keys, true)
  target.setBigUint64(at + 8, row.values, true)
  target.setInt32(at + 16, row.start, true)
  target.setInt32(at + 20, row.count, true)
  target.setInt32(at + 24, row.keep ?? -1, true)
  target.setInt32(at + 28, 0, true)
}

/** Attention on rows that lie anywhere: new keys and values go to their rows, then queries attend. */
export class AttentionKernels {
  readonly #kernels: DeviceKernels
  readonly #stream: CudaHandle

  constructor(kernels: DeviceKernels, stream: CudaHandle) {
    this.#kernels = kernels
    this.#stream = stream
  }

  /** Writes the new keys and values to their rows. */
  append(node: NodeOf<'Attention'>, types: AttentionTypes, operands: AttentionOperands, sizes: AttentionSizes): void {
    this.#launch('append', [sizes.seq, sizes.batch, 1], 0, node, types, operands, sizes)
  }

  /** Lets each new token attend, once all of them are in their rows. */
  attend(node: NodeOf<'Attention'>, types: AttentionTypes, operands: AttentionOperands, sizes: AttentionSizes): void {
    const { heads, headDim } = node.attributes
    const query = Math.ceil(headDim / q4Group.values) * q4Group.values
    const sharedBytes = 4 * (query + 8 * blockThreads + blockWarps + sizes.maxPositions)
    this.#launch('attend', [heads, sizes.seq, sizes.batch], sharedBytes, node, types, operands, sizes)
  }

  #launch(
    name: 'append' | 'attend',
    grid: readonly [number, number, number],
    sharedBytes: number,
    { attributes }: NodeOf<'Attention'>,
    { compute, cache }: AttentionTypes,
    { q, k, v, y, keptKeys, keptValues, rows }: AttentionOperands,
    { batch, seq, maxPositions }: AttentionSizes,
  ): void {
    const { heads, kvHeads, headDim, scale } = attributes
    this.#kernels.launch(
      {
        module: cache === 'q4g64' ? 'attention-q4' : 'attention',
        name: `${name}_${compute}_${cache}`,
        grid,
        sharedBytes,
        addresses: [q, k, v, y, keptKeys, keptValues, rows],
        integers: [batch, seq, heads, kvHeads, headDim, maxPositions],
        float: scale,
      },
      this.#stream,
    )
  }
}
