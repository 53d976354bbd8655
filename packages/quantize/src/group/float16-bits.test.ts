import { floatTensor } from '@flexgen/conformance'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { float16Bits, float16Values } from './float16-bits.ts'

const expected = (value: number): number => new Uint16Array(floatTensor([1], [value], 'float16').bytes.buffer)[0]!

describe('float16Bits', () => {
  const values = float16Values()
  const finite = Array.from(values.keys()).filter((pattern) => Number.isFinite(values[pattern]!))

  it('gives every finite pattern back', () => {
    expect(finite).toHaveLength(2 * 0x7c00)
    expect(finite.map((pattern) => float16Bits(values[pattern]!))).toEqual(finite)
  })

  it('rounds the middle of two neighbours to the even one', () => {
    const lower = finite.filter((pattern) => pattern < 0x7bff)
    const middles = lower.map((pattern) => (values[pattern]! + values[pattern + 1]!) / 2)
    const even = lower.map((pattern) => pattern + (pattern % 2))
    expect(middles.map(float16Bits)).toEqual(even)
    expect(middles.map((middle) => float16Bits(-middle))).toEqual(even.map((pattern) => 0x8000 + pattern))
  })

  it('rounds any float32 as the conformance kit does', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(float16Bits(value)).toBe(expected(value))
      }),
      { numRuns: 2000 },
    )
  })

  it('keeps the largest number, rounds beyond it to infinity, and gives NaN for NaN', () => {
    expect(float16Bits(65504)).toBe(0x7bff)
    expect(float16Bits(65519)).toBe(0x7bff)
    expect(float16Bits(65520)).toBe(0x7c00)
    expect(float16Bits(-1e30)).toBe(0xfc00)
    expect(float16Bits(Number.POSITIVE_INFINITY)).toBe(0x7c00)
    expect(float16Bits(Number.NaN)).toBe(0x7e00)
  })
})
