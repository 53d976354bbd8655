/** An element type that generated weights may have. */
export type DummyDType = 'float32' | 'float16' | 'bfloat16'

const scratch = new DataView(new ArrayBuffer(4))

function float32Bits(value: number): number {
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

/** For values below 65504 only; spec has the widening, this is the one place that narrows. */
function float16Bits(value: number): number {
  const sign = value < 0 ? 0x8000 : 0
  const size = Math.abs(value)
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -24)))
  // Rounding up to the next power of two carries into the exponent by itself.
  const units = Math.round(size * 2 ** (10 - exponent))
  return sign + (exponent + 14) * 1024 + units
}

function bfloat16Bits(value: number): number {
  return Math.round(float32Bits(Math.abs(value)) / 65536) + (value < 0 ? 0x8000 : 0)
}

/** Bit patterns of a finite value of moderate size. */
export const encodeValue: Readonly<Record<DummyDType, (value: number) => number>> = {
  float32: float32Bits,
  float16: float16Bits,
  bfloat16: bfloat16Bits,
}
