import { quantizedRowsBytes, quantizeRows } from '@flexgen/quantize'

/** 4-bit groups along the last axis; a group that float16 cannot bound is NaN. */
export function quantizeGroup(x: Float32Array, width: number): Uint8Array {
  const y = new Uint8Array(quantizedRowsBytes(x.length / width, width))
  quantizeRows('float32', x, width, y)
  return y
}
