const scratch = new DataView(new ArrayBuffer(4))

function float32Bits(value: number): number {
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

/** Rounds the low `shift` bits of a pattern away, to nearest, ties to even. */
function roundAway(bits: number, shift: number): number {
  const half = 2 ** (shift - 1)
  const kept = Math.floor(bits / 2 ** shift)
  const rest = bits - kept * 2 ** shift
  return rest > half || (rest === half && kept % 2 === 1) ? kept + 1 : kept
}

function float16Bits(value: number): number {
  const bits = float32Bits(value)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const fraction = bits & 0x7fffff
  if (exponent === 255) return sign | 0x7c00 | (fraction ? 0x200 : 0)
  // Biased exponent of float16; a carry out of the fraction goes into the exponent by itself.
  const half = exponent - 112
  if (half >= 31) return sign | 0x7c00
  if (half > 0) return sign | Math.min(roundAway((half << 23) | fraction, 13), 0x7c00)
  if (half < -10) return sign
  return sign | roundAway(fraction | 0x800000, 14 - half)
}

function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0
  return roundAway(float32Bits(value), 16)
}

/** float16 bit patterns nearest to float32 values, ties to even. */
export function narrowFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, float16Bits)
}

/** bfloat16 bit patterns nearest to float32 values, ties to even. */
export function narrowBfloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, bfloat16Bits)
}
