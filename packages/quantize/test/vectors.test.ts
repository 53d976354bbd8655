import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  dequantizeColumns,
  dequantizeRows,
  type FloatArrays,
  type FloatDType,
  quantizeColumns,
  quantizeRows,
} from '../src/index.ts'

/** A case of fixtures/make_vectors.py, arrays in base64. */
interface Vector {
  readonly name: string
  readonly dtype: FloatDType
  readonly shape: readonly [rows: number, width: number]
  readonly axis: 0 | 1
  readonly values: string
  readonly bytes: string
  readonly float32: string
  readonly float16: string
  readonly flexgen: string
}

const vectors = JSON.parse(readFileSync(new URL('fixtures/vectors.json', import.meta.url), 'utf8')) as readonly Vector[]

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, 'base64'))
const floatsOf = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer)
const halvesOf = (text: string): Uint16Array => new Uint16Array(bytesOf(text).buffer)

function quantize<D extends FloatDType>(dtype: D, { axis, shape, bytes, values }: Vector): Uint8Array {
  const source = (dtype === 'float32' ? floatsOf(values) : halvesOf(values)) as FloatArrays[D]
  const target = new Uint8Array(bytesOf(bytes).length)
  const notFinite = (axis === 0 ? quantizeColumns : quantizeRows)(dtype, source, shape[1], target)
  expect(notFinite).toBe(0)
  return target
}

describe.each(vectors)('$name', (vector) => {
  const [rows, width] = vector.shape
  const dequantize = vector.axis === 0 ? dequantizeColumns : dequantizeRows

  it('is quantised to the bytes that follow from FlexGen', () => {
    expect(quantize(vector.dtype, vector)).toEqual(bytesOf(vector.bytes))
  })

  it('is widened to the values of an independent implementation', () => {
    const floats = new Float32Array(rows * width)
    dequantize(bytesOf(vector.bytes), width, floats)
    expect(floats).toEqual(floatsOf(vector.float32))
    const halves = new Uint16Array(rows * width)
    dequantize(bytesOf(vector.bytes), width, halves)
    expect(halves).toEqual(halvesOf(vector.float16))
  })

  it('is what FlexGen gives, up to the rounding of its scale', () => {
    const ours = floatsOf(vector.float32)
    const theirs = floatsOf(vector.flexgen)
    const spread = Math.max(...theirs) - Math.min(...theirs)
    // Both scales are float16: 2^-11 each where they are normal. FlexGen's overflows below a range of 2.3e-4.
    for (const [i, value] of ours.entries())
      expect(Math.abs(value - theirs[i]!)).toBeLessThanOrEqual(spread * 2 ** -9 + 2.3e-4)
  })
})
