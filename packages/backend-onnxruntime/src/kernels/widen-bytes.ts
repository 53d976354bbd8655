import { widenBfloat16, widenFloat16 } from '@flexgen/spec'

/** Half dtypes. */
export type HalfType = 'float16' | 'bfloat16'

/** Widens half values at any byte offset to float32. */
export function widenBytes(source: Uint8Array, type: HalfType, target: Uint8Array): void {
  // A view of 16-bit values needs an even offset, which weights in a file need not have.
  const aligned = source.byteOffset % 2 === 0 ? source : source.slice()
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, source.byteLength / 2)
  const floats = new Float32Array(target.buffer, target.byteOffset, halves.length)
  if (type === 'float16') widenFloat16(halves, floats)
  else widenBfloat16(halves, floats)
}
