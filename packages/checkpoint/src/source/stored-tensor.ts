import { type DType, tensorBytes, type TensorInfo } from '@flexgen/spec'

/** A tensor of a checkpoint and where its values lie in a file. */
export interface StoredTensor {
  readonly info: TensorInfo
  readonly path: string
  /** Of the first value. */
  readonly byteOffset: number
  /** Distance of neighbours along each dimension, in elements; absent where the values lie in row-major order. */
  readonly strides?: readonly number[]
}

/** What a checkpoint, or one file of it, holds. */
export interface FileTensors {
  readonly tensors: Map<string, StoredTensor>
  /** Tensors that cannot be weights, with the reason (integer buffers for example). */
  readonly skipped: Map<string, string>
  /** Tensors of shards that the index does not take from there. */
  readonly unlisted: string[]
}

/** What a file holds before anything of it was read. */
export function noTensors(): FileTensors {
  return { tensors: new Map(), skipped: new Map(), unlisted: [] }
}

/** Describes a tensor whose shape was checked before. */
export function describeTensor(name: string, shape: readonly number[], dtype: DType): TensorInfo {
  return { name, shape, dtype, byteLength: tensorBytes(dtype, shape) }
}
