import { createRandom, floatTensor } from '@flexgen/conformance'
import { describe, expect, it } from 'vitest'
import { dequantizeRows } from './dequantize-rows.ts'
import { float16Bits, float16Values } from './group/float16-bits.ts'

/** A group of all nibbles with a scale and a minimum. */
function groupOf(scale: number, least: number): Uint8Array {
  const bytes = Uint8Array.from({ length: 36 }, (_, i) => ((2 * i) % 16) * 16 + ((2 * i + 1) % 16))
  bytes.set(new Uint8Array(Uint16Array.of(scale, least).buffer), 32)
  return bytes
}

describe('dequantizeRows', () => {
  it('rounds minimum + nibble * scale once to float32, and that once to float16, for any group', () => {
    const random = createRandom(3)
    const values = float16Values()
    const floats = new Float32Array(64)
    const halves = new Uint16Array(64)
    for (let i = 0; i < 3000; i++) {
      // Small minima, so that sums pass zero and the least normal number.
      const scale = random.integer(0, 0x7bff) >> random.integer(0, 4)
      const level = random.pick([-1, -3, -7, 1, 0])
      const least = random.pick([random.integer(0, 0xfbff), float16Bits(level * values[scale]!)])
      if ((least & 0x7c00) === 0x7c00) continue
      const bytes = groupOf(scale, least)
      dequantizeRows(bytes, 64, floats)
      dequantizeRows(bytes, 64, halves)
      const expected = Float32Array.from({ length: 64 }, (_, at) => values[least]! + (at % 16) * values[scale]!)
      expect(floats).toEqual(expected)
      expect(halves).toEqual(new Uint16Array(floatTensor([64], expected, 'float16').bytes.buffer))
    }
  })

  it('passes from subnormal to normal numbers, both signs', () => {
    const halves = new Uint16Array(64)
    dequantizeRows(groupOf(float16Bits(2 ** -17), float16Bits(-(2 ** -14))), 64, halves)
    expect([...halves.subarray(0, 16)]).toEqual(
      Array.from({ length: 16 }, (_, nibble) => float16Bits(-(2 ** -14) + nibble * 2 ** -17)),
    )
  })
})
