import { UsageError } from '../error/usage-error.ts'

/**
 * The element types. The two of 4 bits are the form of the FlexGen paper (section 4): groups of 64 values, asymmetric
 * min/max; each group is 36 bytes: 32 bytes of nibbles (even index in the high nibble), then float16 scale, then float16
 * minimum; the last group of a line is padded with zeros.
 *
 * - `q4g64`: groups along the last axis, `[..., ceil(width / 64)]`. KV (along the head dim), tables whose rows are
 *   gathered, and weights for kernels that want groups along the inputs.
 * - `q4g64c`: groups down the columns of a matrix `[rows, width]`, which are FlexGen's output channels of a weight:
 *   `[ceil(rows / 64), width]` groups, so that 64 rows lie in one piece.
 */
export type DType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'uint8' | 'q4g64' | 'q4g64c'

/** The 4-bit forms. */
export type GroupDType = Extract<DType, 'q4g64' | 'q4g64c'>

/** Whether values lie in 4-bit groups. */
export function isGroupDType(dtype: DType): dtype is GroupDType {
  return dtype === 'q4g64' || dtype === 'q4g64c'
}

/** Values per group and bytes per group of the 4-bit forms. */
export const q4Group = { values: 64, bytes: 36, nibbleBytes: 32 } as const

const elementBytes: Readonly<Record<Exclude<DType, GroupDType>, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint8: 1,
}

/** All element types, in the order of the table. */
export const dtypes: readonly DType[] = ['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'q4g64', 'q4g64c']

/** Number of values of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1)
}

/**
 * Bytes of one line of `count` values; of `q4g64` whole groups, the last one padded.
 * @throws {UsageError} for `q4g64c`, whose lines do not lie in one piece
 */
export function dtypeBytes(dtype: DType, count: number): number {
  if (dtype === 'q4g64c') throw new UsageError('rows of q4g64c do not lie in one piece')
  return dtype === 'q4g64' ? Math.ceil(count / q4Group.values) * q4Group.bytes : count * elementBytes[dtype]
}

/**
 * Bytes of a tensor.
 * @throws {UsageError} for `q4g64c` of another shape than `[rows, width]`
 */
export function tensorBytes(dtype: DType, shape: readonly number[]): number {
  if (dtype !== 'q4g64c') return elementCount(shape.slice(0, -1)) * dtypeBytes(dtype, shape.at(-1) ?? 1)
  if (shape.length !== 2) throw new UsageError(`q4g64c is for matrices, not for shape [${shape.join(', ')}]`)
  return Math.ceil(shape[0]! / q4Group.values) * shape[1]! * q4Group.bytes
}

/** Rows of a tensor that lie in one piece: where rows are cut apart, they are cut between pieces. */
export function pieceRows(dtype: DType): number {
  return dtype === 'q4g64c' ? q4Group.values : 1
}
