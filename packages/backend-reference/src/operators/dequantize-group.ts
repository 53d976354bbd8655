import { dequantizeRows, quantizedRowBytes } from '@flexgen/quantize'

/** The values of 4-bit groups along the last axis. */
export function dequantizeGroup(x: Uint8Array, width: number): Float32Array {
  const y = new Float32Array((x.length / quantizedRowBytes(width)) * width)
  dequantizeRows(x, width, y)
  return y
}
