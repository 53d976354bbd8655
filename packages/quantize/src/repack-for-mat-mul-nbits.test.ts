import { describe, expect, it } from 'vitest'
import { dequantizeRows } from './dequantize-rows.ts'
import { quantizeRows } from './quantize-rows.ts'
import { quantizedRowsBytes } from './quantized-bytes.ts'
import { type MatMulNBitsWeight, repackForMatMulNBits } from './repack-for-mat-mul-nbits.ts'

const room = (rows: number, blocks: number): MatMulNBitsWeight => ({
  packed: new Uint8Array(rows * blocks * 32),
  scales: new Float32Array(rows * blocks),
  offsets: new Float32Array(rows * blocks),
})

describe('repackForMatMulNBits', () => {
  it('keeps every value: scale * (nibble - 8) + offset, the even index in the low nibble', () => {
    const [rows, width, blocks] = [5, 150, 3]
    const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i) * (1 + (i % 3)))
    values.fill(0.25, 64, 128) // a constant group
    const bytes = new Uint8Array(quantizedRowsBytes(rows, width))
    quantizeRows('float32', values, width, bytes)
    const expected = new Float32Array(values.length)
    dequantizeRows(bytes, width, expected)

    const { packed, scales, offsets } = room(rows, blocks)
    repackForMatMulNBits(bytes, width, { packed, scales, offsets })
    for (const [at, value] of expected.entries()) {
      const column = at % width
      const block = Math.floor(at / width) * blocks + Math.floor(column / 64)
      const pair = packed[block * 32 + Math.floor((column % 64) / 2)]!
      const nibble = column % 2 === 0 ? pair & 15 : pair >> 4
      expect(scales[block]! * (nibble - 8) + offsets[block]!).toBeCloseTo(value, 6)
    }
    expect([scales[1], offsets[1]]).toEqual([0, 0.25])
  })

  it('refuses sizes that do not fit', () => {
    const bytes = new Uint8Array(4 * 36)
    expect(() => repackForMatMulNBits(bytes, 128, room(3, 2))).toThrow('needs 216 elements, but has 144')
    expect(() => repackForMatMulNBits(bytes, 128, { ...room(2, 2), packed: new Uint8Array(127) })).toThrow('packed')
    expect(() => repackForMatMulNBits(bytes, 128, { ...room(2, 2), offsets: new Float32Array(3) })).toThrow('offsets')
    expect(() => repackForMatMulNBits(bytes, 128, room(1, 3))).toThrow('no rows of 2')
  })
})
