import assert from 'node:assert/strict'
import { type DType, elementCount, isGroupDType, widenBfloat16, widenFloat16 } from '@flexgen/spec'
import { valuesOfGroups } from './group-tensor.ts'
import { narrowBfloat16, narrowFloat16 } from './narrow.ts'

/** A small tensor of a test: row-major, little endian. */
export interface TensorData {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** A tensor of the given float values, rounded to the dtype. */
export function floatTensor(
  shape: readonly number[],
  values: ArrayLike<number>,
  dtype: 'float32' | 'float16' | 'bfloat16' = 'float32',
): TensorData {
  assert.equal(values.length, elementCount(shape), `values of a tensor [${shape.join(', ')}]`)
  const narrow = {
    float32: (v: ArrayLike<number>) => Float32Array.from(v),
    float16: narrowFloat16,
    bfloat16: narrowBfloat16,
  }
  return { dtype, shape, bytes: new Uint8Array(narrow[dtype](values).buffer) }
}

/** A tensor of int32 values. */
export function intTensor(shape: readonly number[], values: ArrayLike<number>): TensorData {
  assert.equal(values.length, elementCount(shape), `values of a tensor [${shape.join(', ')}]`)
  return { dtype: 'int32', shape, bytes: new Uint8Array(Int32Array.from(values).buffer) }
}

/** The values of a float tensor, widened to float32. */
export function floatsOf(tensor: TensorData): Float32Array {
  if (isGroupDType(tensor.dtype)) return valuesOfGroups(tensor)
  const { buffer } = Uint8Array.from(tensor.bytes)
  if (tensor.dtype === 'float32') return new Float32Array(buffer)
  const widened = new Float32Array(elementCount(tensor.shape))
  if (tensor.dtype === 'float16') widenFloat16(new Uint16Array(buffer), widened)
  else if (tensor.dtype === 'bfloat16') widenBfloat16(new Uint16Array(buffer), widened)
  else assert.fail(`${tensor.dtype} values are no floats`)
  return widened
}

/** The values of an int32 tensor. */
export function intsOf(tensor: TensorData): Int32Array {
  assert.equal(tensor.dtype, 'int32')
  return new Int32Array(Uint8Array.from(tensor.bytes).buffer)
}
