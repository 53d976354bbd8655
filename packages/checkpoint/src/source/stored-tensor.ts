import { type DType, dtypeBytes, elementCount, type TensorInfo } from '@flexgen/spec'

/** A tensor of a checkpoint and where its values lie in a file. */
export interface StoredTensor {
  readonly info: TensorInfo
  readonly path: string
  /** Of the first value. */
  readonly byteOffset: number
  /** Distance of neighbours along each dimension, in elements; absent where the values lie in row-major order. */
  readonly strides?: readonly number[]
}

/** What one file holds: tensors, and names that are left out with the reason (integer buffers for example). */
export interface FileTensors {
  readonly tensors: Map<string, StoredTensor>
  readonly skipped: Map<string, string>
}

/** Describes a tensor whose shape was checked before. */
export function describeTensor(name: string, shape: readonly number[], dtype: DType): TensorInfo {
  return { name, shape, dtype, byteLength: dtypeBytes(dtype, elementCount(shape)) }
}
