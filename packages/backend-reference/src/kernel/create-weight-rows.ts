import { dequantizeColumns, dequantizeRows } from '@flexgen/quantize'
import { dtypeBytes, elementCount, InternalError, type DType, widenBfloat16, widenFloat16 } from '@flexgen/spec'
import { createColumnGroupRows } from './create-column-group-rows.ts'
import type { WeightRows } from '../operators/weight-rows.ts'

/** Reads a weight where it lies: aligned float32 without a copy, anything else through a scratch of a few rows. */
export function createWeightRows(bytes: Uint8Array, dtype: DType, shape: readonly number[]): WeightRows {
  if (dtype === 'q4g64c') return createColumnGroupRows(bytes, shape[0]!, shape[1]!)
  const width = shape.at(-1) ?? 1
  const rowCount = elementCount(shape) / width
  const rowBytes = dtypeBytes(dtype, width)
  let scratch = new Float32Array(0)
  return {
    rowCount,
    width,
    read: (first, count) => {
      const from = bytes.byteOffset + first * rowBytes
      const length = count * width
      if (dtype === 'float32' && from % 4 === 0) return new Float32Array(bytes.buffer, from, length)
      if (scratch.length < length) scratch = new Float32Array(length)
      const target = scratch.subarray(0, length)
      widen(new Uint8Array(bytes.buffer, from, count * rowBytes), dtype, width, target)
      return target
    },
  }
}

function widen(bytes: Uint8Array, dtype: DType, width: number, target: Float32Array): void {
  if (dtype === 'float32') {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes)
    return
  }
  if (dtype === 'q4g64') {
    dequantizeRows(bytes, width, target)
    return
  }
  // Typed arrays of two bytes an element cannot start at an odd byte.
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
  if (dtype === 'float16') widenFloat16(bits, target)
  else if (dtype === 'bfloat16') widenBfloat16(bits, target)
  else throw new InternalError(`${dtype} is no weight dtype of the reference backend`)
}

/** The whole weight as float32, in memory of its own. */
export function widenWeight(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Float32Array {
  const values = new Float32Array(elementCount(shape))
  if (dtype === 'q4g64c') dequantizeColumns(bytes, shape[1]!, values)
  else widen(bytes, dtype, shape.at(-1) ?? 1, values)
  return values
}
