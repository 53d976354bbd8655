import { createRandom, floatTensor } from '@flexgen/conformance'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dequantizeColumns } from './dequantize-columns.ts'
import { dequantizeRows } from './dequantize-rows.ts'
import type { FloatArrays, FloatDType } from './float-arrays.ts'
import { quantizeColumns } from './quantize-columns.ts'
import { quantizeRows } from './quantize-rows.ts'
import { quantizedColumnsBytes, quantizedRowsBytes } from './quantized-bytes.ts'

/** Values of a dtype in the array that holds them. */
function valuesOf<D extends FloatDType>(dtype: D, values: Float32Array): FloatArrays[D] {
  const { buffer } = floatTensor([values.length], values, dtype).bytes
  return (dtype === 'float32' ? new Float32Array(buffer) : new Uint16Array(buffer)) as FloatArrays[D]
}

function transposed<T extends Float32Array | Uint16Array>(values: T, rows: number): T {
  const width = values.length / rows
  return values.map((_, at) => values[(at % rows) * width + Math.floor(at / rows)]!) as T
}

const matrices = fc.record({
  dtype: fc.constantFrom<FloatDType>('float16', 'bfloat16', 'float32'),
  rows: fc.integer({ min: 1, max: 200 }),
  width: fc.integer({ min: 1, max: 90 }),
  offset: fc.integer({ min: 0, max: 3 }),
  seed: fc.nat(1e9),
})

describe('groups down the columns', () => {
  it('are those along the rows of the transpose, 64 rows in one piece', () => {
    fc.assert(
      fc.property(matrices, ({ dtype, rows, width, offset, seed }) => {
        const random = createRandom(seed)
        const floats = Float32Array.from({ length: rows * width }, () => random.next() * 4 - 1)
        const values = valuesOf(dtype, floats)
        const bytes = new Uint8Array(quantizedColumnsBytes(rows, width) + offset).subarray(offset)
        expect(quantizeColumns(dtype, values, width, bytes)).toBe(0)

        const blocks = Math.ceil(rows / 64)
        const expected = new Uint8Array(quantizedRowsBytes(width, rows))
        quantizeRows(dtype, transposed(values, rows), rows, expected)
        for (let block = 0; block < blocks; block++)
          for (let column = 0; column < width; column++) {
            const group = (block * width + column) * 36
            const other = (column * blocks + block) * 36
            expect(bytes.subarray(group, group + 36)).toEqual(expected.subarray(other, other + 36))
          }

        const back = new Float32Array(rows * width)
        dequantizeColumns(bytes, width, back)
        const backOfRows = new Float32Array(rows * width)
        dequantizeRows(expected, rows, backOfRows)
        expect(back).toEqual(transposed(backOfRows, width))
        const halves = new Uint16Array(rows * width)
        dequantizeColumns(bytes, width, halves)
        expect(halves).toEqual(valuesOf('float16', back))
      }),
      { numRuns: 60 },
    )
  })

  it('of 64 rows can be quantised by themselves', () => {
    const values = Float32Array.from({ length: 150 * 7 }, (_, i) => Math.sin(i * i))
    const whole = new Uint8Array(quantizedColumnsBytes(150, 7))
    quantizeColumns('float32', values, 7, whole)
    const parts = new Uint8Array(whole.length)
    for (let row = 0; row < 150; row += 64) {
      const block = values.subarray(row * 7, Math.min(row + 64, 150) * 7)
      quantizeColumns('float32', block, 7, parts.subarray(quantizedColumnsBytes(row, 7)))
    }
    expect(parts).toEqual(whole)
  })

  it('count what is not finite', () => {
    const values = new Float32Array(130 * 5)
    values[129 * 5 + 2] = Number.NaN
    values[3 * 5 + 1] = Number.POSITIVE_INFINITY
    const bytes = new Uint8Array(quantizedColumnsBytes(130, 5))
    expect(quantizeColumns('float32', values, 5, bytes)).toBe(2)
    const back = new Float32Array(values.length)
    dequantizeColumns(bytes, 5, back)
    const isBad = (at: number): boolean => (at % 5 === 2 && at >= 128 * 5) || (at % 5 === 1 && at < 64 * 5)
    expect(back.every((value, at) => Number.isNaN(value) === isBad(at))).toBe(true)
  })

  it('refuse sizes that do not fit', () => {
    const values = new Float32Array(65 * 2)
    expect(() => quantizeColumns('float32', values, 2, new Uint8Array(143))).toThrow('needs 144 elements, but has 143')
    expect(() => dequantizeColumns(new Uint8Array(143), 2, values)).toThrow('needs 144 elements, but has 143')
    expect(() => quantizeColumns('float32', values, 4, new Uint8Array(1000))).toThrow('no rows of 4')
  })
})
