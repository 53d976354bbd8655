import { createRandom, floatTensor } from '@flexgen/conformance'
import { widenFloat16 } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dequantizeRows } from './dequantize-rows.ts'
import { float16Values } from './group/float16-bits.ts'
import { quantizeRows } from './quantize-rows.ts'
import { quantizedRowsBytes } from './quantized-bytes.ts'

const halvesOf = (values: ArrayLike<number>): Uint16Array =>
  new Uint16Array(floatTensor([values.length], values, 'float16').bytes.buffer)

function floatsOf(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length)
  widenFloat16(halves, floats)
  return floats
}

function quantize(values: Float32Array | Uint16Array, width: number): Uint8Array {
  const bytes = new Uint8Array(quantizedRowsBytes(values.length / width, width))
  if (values instanceof Float32Array) expect(quantizeRows('float32', values, width, bytes)).toBe(0)
  else expect(quantizeRows('float16', values, width, bytes)).toBe(0)
  return bytes
}

function widen(bytes: Uint8Array, width: number, length: number): Float32Array {
  const values = new Float32Array(length)
  dequantizeRows(bytes, width, values)
  return values
}

/** Half a step of float16 at a value. */
const halfUlp = (x: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x) || 1e-9)), -14) - 11)

/** Rows of float16 values about any centre with any spread, some with few different values. */
const rowsOfHalves = fc
  .record({
    width: fc.integer({ min: 1, max: 200 }),
    rows: fc.integer({ min: 1, max: 40 }),
    exponent: fc.integer({ min: -20, max: 14 }),
    centre: fc.constantFrom(0, 0, 1, -3, 1000),
    steps: fc.constantFrom(1, 2, 7, 1000, 1e6),
    seed: fc.nat(1e9),
  })
  .map(({ width, rows, exponent, centre, steps, seed }) => {
    const random = createRandom(seed)
    const value = (): number => centre + (random.integer(-steps, steps) / steps) * 2 ** exponent
    return { width, values: halvesOf(Float32Array.from({ length: rows * width }, value)) }
  })

describe('quantizeRows', () => {
  it('keeps every value to half a step, and the rounding of scale and minimum to float16', () => {
    fc.assert(
      fc.property(rowsOfHalves, ({ width, values }) => {
        const floats = floatsOf(values)
        const back = widen(quantize(values, width), width, values.length)
        for (let at = 0; at < floats.length; at += width) {
          for (let column = 0; column < width; column += 64) {
            const group = floats.subarray(at + column, at + Math.min(column + 64, width))
            const padding = group.length < 64 ? [0] : []
            const least = Math.min(...group, ...padding)
            const step = (Math.max(...group, ...padding) - least) / 15
            // The minimum is a float16 already. Float32 arithmetic adds a little.
            const bound = step / 2 + 15 * halfUlp(step) + 1e-6 * (Math.abs(least) + 15 * step)
            const errors = group.map((value, i) => Math.abs(value - back[at + column + i]!))
            expect(Math.max(...errors)).toBeLessThanOrEqual(bound)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('maps the least value to 0 and the largest to 15', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i))
    const bytes = quantize(values, 64)
    const nibbles = [...bytes.subarray(0, 32)].flatMap((pair) => [pair >> 4, pair & 15])
    expect(nibbles[values.indexOf(Math.max(...values))]).toBe(15)
    expect(nibbles[values.indexOf(Math.min(...values))]).toBe(0)
  })

  it('puts the even index in the high nibble, then the scale, then the minimum', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => (i % 16) - 4)
    const bytes = quantize(values, 64)
    expect([...bytes.subarray(0, 8)]).toEqual([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef])
    expect([...bytes.subarray(32)]).toEqual([0x00, 0x3c, 0x00, 0xc4])
  })

  it('gives the same bytes again for what it gave', () => {
    fc.assert(
      fc.property(rowsOfHalves, ({ width, values }) => {
        const whole = values.subarray(0, values.length - (values.length % 64))
        if (whole.length === 0 || width < 64) return
        const bytes = quantize(whole, 64)
        expect(quantize(widen(bytes, 64, whole.length), 64)).toEqual(bytes)
      }),
      { numRuns: 60 },
    )
  })

  it('treats float16, bfloat16 and float32 values alike', () => {
    fc.assert(
      fc.property(rowsOfHalves, ({ width, values }) => {
        // Values that all three formats hold exactly.
        const coarse = Float32Array.from(floatsOf(values), (v) => float16Values()[halvesOf([v])[0]! & 0xfff8]!)
        const expected = quantize(coarse, width)
        expect(quantize(halvesOf(coarse), width)).toEqual(expected)
        const normal = coarse.map((v) => (Math.abs(v) < 2 ** -14 ? 0 : v))
        const bits = Uint16Array.from(new Uint32Array(normal.buffer), (pattern) => pattern >>> 16)
        const bytes = new Uint8Array(expected.length)
        quantizeRows('bfloat16', bits, width, bytes)
        expect(bytes).toEqual(quantize(normal, width))
      }),
      { numRuns: 40 },
    )
  })

  it('pads rows with zeros', () => {
    const values = Float32Array.from({ length: 3 * 80 }, (_, i) => 5 + Math.cos(i))
    const padded = new Float32Array(3 * 128)
    for (let row = 0; row < 3; row++) padded.set(values.subarray(row * 80, (row + 1) * 80), row * 128)
    const bytes = quantize(values, 80)
    expect(bytes).toEqual(quantize(padded, 128))
    const back = widen(bytes, 128, 3 * 128)
    const cut = widen(bytes, 80, 3 * 80)
    for (let row = 0; row < 3; row++)
      expect(cut.subarray(row * 80, (row + 1) * 80)).toEqual(back.subarray(row * 128, row * 128 + 80))
  })

  it('gives the same bytes wherever values and bytes lie, and in however many calls', () => {
    const width = 64
    const rows = 75
    const values = halvesOf(Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i)))
    const expected = quantize(values, width)
    const shifted = new Uint16Array(values.length + 1)
    shifted.set(values, 1)
    const room = new Uint8Array(expected.length + 3)
    for (const offset of [0, 1, 2, 3]) {
      room.fill(0xff)
      expect(quantizeRows('float16', shifted.subarray(1), width, room.subarray(offset))).toBe(0)
      expect(room.subarray(offset, offset + expected.length)).toEqual(expected)
      expect(widen(room.subarray(offset), width, values.length)).toEqual(widen(expected, width, values.length))
    }
    for (let row = 0; row < rows; row++)
      expect(quantize(values.subarray(row * width, (row + 1) * width), width)).toEqual(
        expected.subarray(row * 36, (row + 1) * 36),
      )
  })

  it('gives constant groups their value, whatever it is', () => {
    const values = float16Values()
    for (let pattern = 0; pattern < 0x7c00; pattern += 61) {
      for (const bits of [pattern, pattern | 0x8000]) {
        const bytes = quantize(new Uint16Array(64).fill(bits), 64)
        expect(bytes.subarray(0, 34).every((byte) => byte === 0)).toBe(true)
        expect(widen(bytes, 64, 64).every((value) => value === values[bits]!)).toBe(true)
      }
    }
  })

  it('gives ranges below the least scale as constants, and counts no error', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => 1e-40 * i)
    expect(widen(quantize(values, 64), 64, 64)).toEqual(new Float32Array(64))
  })

  describe.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('a group with %d', (bad) => {
    it.each([0, 1, 62, 63])('at index %d is all NaN, and the others are as they were', (index) => {
      const values = Float32Array.from({ length: 3 * 64 }, (_, i) => Math.sin(i))
      const good = widen(quantize(values, 64), 64, values.length)
      values[64 + index] = bad
      for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
        const { bytes: source } = floatTensor([values.length], values, dtype)
        const array = dtype === 'float32' ? new Float32Array(source.buffer) : new Uint16Array(source.buffer)
        const bytes = new Uint8Array(3 * 36)
        expect(quantizeRows(dtype, array as Uint16Array & Float32Array, 64, bytes)).toBe(1)
        expect([...bytes.subarray(36, 68)]).toEqual(Array.from({ length: 32 }, () => 0))
        const back = widen(bytes, 64, values.length)
        expect(back.subarray(64, 128).every(Number.isNaN)).toBe(true)
        if (dtype === 'float32') expect(back.subarray(0, 64)).toEqual(good.subarray(0, 64))
        if (dtype === 'float32') expect(back.subarray(128)).toEqual(good.subarray(128))
        const halves = new Uint16Array(values.length)
        dequantizeRows(bytes, 64, halves)
        expect(floatsOf(halves).subarray(64, 128).every(Number.isNaN)).toBe(true)
      }
    })
  })

  it('gives NaN where float32 values are beyond float16, and counts them', () => {
    const values = new Float32Array(4 * 64)
    values[3] = 1e6
    values[64] = -1e6
    values.fill(7e4, 128, 192)
    const bytes = new Uint8Array(4 * 36)
    // A range of 1e6 has a scale of 66667, which float16 has not; a maximum of 1e5 is fine.
    expect(quantizeRows('float32', values, 64, bytes)).toBe(3)
    expect(widen(bytes, 64, 256).subarray(192)).toEqual(new Float32Array(64))
    expect(widen(bytes, 64, 256).subarray(0, 192).every(Number.isNaN)).toBe(true)
    values.fill(0)
    values[3] = 1e5
    expect(quantizeRows('float32', values, 64, bytes)).toBe(0)
    expect(widen(bytes, 64, 256)[3]).toBeCloseTo(1e5, -2)
  })

  it('refuses sizes that do not fit', () => {
    const values = new Float32Array(128)
    expect(() => quantizeRows('float32', values, 100, new Uint8Array(1000))).toThrow('128 values are no rows of 100')
    expect(() => quantizeRows('float32', values, 0, new Uint8Array(1000))).toThrow('no rows of 0')
    expect(() => quantizeRows('float32', values, 64, new Uint8Array(71))).toThrow('needs 72 elements, but has 71')
    expect(() => dequantizeRows(new Uint8Array(71), 64, values)).toThrow('needs 72 elements, but has 71')
    expect(quantizeRows('float32', new Float32Array(0), 64, new Uint8Array(0))).toBe(0)
  })
})
