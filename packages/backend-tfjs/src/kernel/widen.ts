import { type DType, InternalError, widenBfloat16, widenFloat16 } from '@flexgen/spec'

/** Writes values of a weight as float32, whatever their dtype and wherever they start. */
export function widen(bytes: Uint8Array, dtype: DType, target: Float32Array): void {
  if (dtype === 'float32') {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes)
    return
  }
  // Typed arrays of two bytes an element cannot start at an odd byte.
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
  if (dtype === 'float16') widenFloat16(bits, target)
  else if (dtype === 'bfloat16') widenBfloat16(bits, target)
  else throw new InternalError(`${dtype} is no weight dtype of the TensorFlow.js backend`)
}

/** Values of float32 or int32 bytes, without a copy where they are aligned. */
export function valuesOf(bytes: Uint8Array, dtype: 'float32' | 'int32'): Float32Array | Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const [from, length] = [aligned.byteOffset, aligned.byteLength / 4]
  return dtype === 'float32'
    ? new Float32Array(aligned.buffer, from, length)
    : new Int32Array(aligned.buffer, from, length)
}
