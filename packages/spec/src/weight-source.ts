import type { DType } from './dtype/dtype.ts'

/** A tensor of a checkpoint. */
export interface TensorInfo {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly byteLength: number
}

/** A byte range of a file. */
export interface Extent {
  readonly path: string
  readonly byteOffset: number
  readonly byteLength: number
}

/** A checkpoint, validated once when it is opened; weights are read in place and never written. */
export interface WeightSource {
  readonly specificationVersion: 'v1'
  /** For people: what and where it is. */
  readonly description: string
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /**
   * Where a byte range of a tensor (row-major, little endian) lies in files, in order; undefined where it does not
   * lie in one piece (strided or generated tensors): those have `read`.
   * @throws {FlexgenError} `CORRUPT_DATA` for an unknown name, `INTERNAL` for a range outside the tensor
   */
  extents(name: string, byteOffset: number, byteLength: number): readonly Extent[] | undefined
  /** Fills `target` with the bytes of the tensor from `byteOffset` on; works for every tensor. */
  read(name: string, byteOffset: number, target: Uint8Array, signal?: AbortSignal): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
