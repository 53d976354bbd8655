import { widenFloat16 } from '@flexgen/spec'

const value = new Float32Array(1)
const bits = new Uint32Array(value.buffer)

/** The float16 bit pattern nearest to a float32 value, ties to even. */
export function float16Bits(x: number): number {
  value[0] = x
  const sign = (bits[0]! >>> 16) & 0x8000
  const magnitude = bits[0]! & 0x7fff_ffff
  if (magnitude < 0x3880_0000) {
    // Below the least normal number: adding 1/2 rounds to multiples of 2^-24, the step of float16 there.
    value[0] = Math.abs(x) + 0.5
    return sign | (bits[0]! - 0x3f00_0000)
  }
  if (magnitude >= 0x4780_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00)
  return sign | (((magnitude + 0xfff + ((magnitude >> 13) & 1)) >> 13) - 0x1c000)
}

let values: Float32Array | undefined

/** Value of every float16 bit pattern, `[65536]`; made when first asked for. */
export function float16Values(): Float32Array {
  if (values === undefined) {
    values = new Float32Array(65_536)
    widenFloat16(
      Uint16Array.from(values, (_, pattern) => pattern),
      values,
    )
  }
  return values
}
