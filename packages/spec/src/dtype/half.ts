let float16Table: Float32Array | undefined

/** Value of one float16 bit pattern. */
function decodeFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function tableOfFloat16(): Float32Array {
  // One load a value is faster than any bit arithmetic in JavaScript, and Node 22 has no Float16Array.
  float16Table ??= Float32Array.from({ length: 65536 }, (_, bits) => decodeFloat16(bits))
  return float16Table
}

/** Widens float16 bit patterns to float32, value by value; `target` must be at least as long. */
export function widenFloat16(source: Uint16Array, target: Float32Array): void {
  const table = tableOfFloat16()
  for (let i = 0; i < source.length; i++) target[i] = table[source[i]!]!
}

/** Widens bfloat16 bit patterns to float32, value by value; `target` must be at least as long. */
export function widenBfloat16(source: Uint16Array, target: Float32Array): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, source.length)
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16
}
