import type { OnnxBuilder } from '../onnx/onnx-builder.ts'
import type { TensorType } from '../onnx/tensor-type.ts'

/**
 * What an emitter writes to. Values of the layer graph keep their names in ONNX, and lie flat: an activation
 * `[batch, seq, width]` is `[batch * seq, width]`, an int32 value has one dimension. So no operator needs to know
 * batch or sequence length.
 */
export interface EmitContext {
  readonly builder: OnnxBuilder
  /** Type of activations. */
  readonly compute: TensorType
  /** Size of the last axis of a value. */
  width(name: string): number
  /** The value in the type of activations; weights of another type are cast, once. */
  float(name: string): string
  /** Whether the value is a weight that `float` would cast. */
  isHalf(name: string): boolean
  /** The blocks of rows in which a half matrix is bound; undefined where it is bound whole. */
  blocks(name: string): readonly WeightBlock[] | undefined
  /** Name of the system input `lastRows`: for each row of the batch the flat index of its last valid token. */
  lastRows(): string
}

/** Some rows of a matrix, bound as an input of their own. */
export interface WeightBlock {
  readonly name: string
  readonly firstRow: number
  readonly rows: number
}
