import { UsageError } from '../error/usage-error.ts'

/**
 * The element types. `q4g64` is the 4-bit form of the FlexGen paper (section 4): groups of 64 values along one
 * dimension, asymmetric min/max; each group is 36 bytes: 32 bytes of nibbles (even index in the high nibble),
 * then float16 scale, then float16 minimum.
 */
export type DType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'uint8' | 'q4g64'

/** Values per group and bytes per group of `q4g64`. */
export const q4Group = { values: 64, bytes: 36, nibbleBytes: 32 } as const

const elementBytes: Readonly<Record<Exclude<DType, 'q4g64'>, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint8: 1,
}

/** All element types, in the order of the table. */
export const dtypes: readonly DType[] = ['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'q4g64']

/** Number of values of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1)
}

/**
 * Bytes of `count` values of a type that lie in rows of whole groups.
 * @throws {UsageError} where a `q4g64` count is not a multiple of the group.
 */
export function dtypeBytes(dtype: DType, count: number): number {
  if (dtype !== 'q4g64') return count * elementBytes[dtype]
  if (count % q4Group.values !== 0)
    throw new UsageError(`q4g64 needs a multiple of ${q4Group.values} values, got ${count}`)
  return (count / q4Group.values) * q4Group.bytes
}
