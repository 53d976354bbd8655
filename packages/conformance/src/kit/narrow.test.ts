import { widenBfloat16, widenFloat16 } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { narrowBfloat16, narrowFloat16 } from './narrow.ts'

const allBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

function through(bits: Uint16Array, widen: typeof widenFloat16, narrow: typeof narrowFloat16): Uint16Array {
  const values = new Float32Array(bits.length)
  widen(bits, values)
  return narrow(values)
}

describe('narrowing', () => {
  it('gives every finite float16 pattern back', () => {
    const finite = allBits.filter((bits) => (bits & 0x7c00) !== 0x7c00)
    expect(through(finite, widenFloat16, narrowFloat16)).toEqual(finite)
  })

  it('gives every finite bfloat16 pattern back', () => {
    const finite = allBits.filter((bits) => (bits & 0x7f80) !== 0x7f80)
    expect(through(finite, widenBfloat16, narrowBfloat16)).toEqual(finite)
  })

  it.each([
    ['ties to even, down', 1 + 2 ** -11, 0x3c00],
    ['ties to even, up', 1 + 3 * 2 ** -11, 0x3c02],
    ['carries into the exponent', 2 - 2 ** -12, 0x4000],
    ['overflows to infinity', 65520, 0x7c00],
    ['the largest', 65504, 0x7bff],
    ['the least subnormal', 2 ** -24, 1],
    ['half of it, to even', 2 ** -25, 0],
    ['a little more than half of it', 2 ** -25 * 1.01, 1],
    ['the least normal', 2 ** -14, 0x0400],
    ['minus zero', -0, 0x8000],
    ['infinity', Number.NEGATIVE_INFINITY, 0xfc00],
  ])('float16: %s', (_name, value, bits) => {
    expect(narrowFloat16([value])[0]).toBe(bits)
  })

  it('takes the nearest float16', () => {
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (value) => {
        const bits = narrowFloat16([value])[0]!
        const around = new Float32Array(3)
        const inside = [bits, bits ^ 1, (bits & 0x7fff) === 0 ? bits : bits - 1]
        widenFloat16(Uint16Array.from(inside), around)
        const errors = [...around].map((candidate) => Math.abs(candidate - value))
        expect(errors[0]).toBeLessThanOrEqual(Math.min(...errors))
      }),
    )
  })
})
