import { widenBfloat16, widenFloat16 } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeValue } from './encode-value.ts'

const finite = fc.double({ min: -1000, max: 1000, noNaN: true })

describe('encodeValue', () => {
  it('is within half a unit of float16', () => {
    fc.assert(
      fc.property(fc.oneof(finite, fc.double({ min: -1e-4, max: 1e-4, noNaN: true })), (value) => {
        const decoded = new Float32Array(1)
        widenFloat16(Uint16Array.of(encodeValue.float16(value)), decoded)
        expect(Math.abs(decoded[0]! - value)).toBeLessThanOrEqual(
          Math.max(Math.abs(value) * 2 ** -11, 2 ** -25) * 1.0001,
        )
      }),
    )
  })

  it('is within half a unit of bfloat16', () => {
    fc.assert(
      fc.property(finite, (value) => {
        const decoded = new Float32Array(1)
        widenBfloat16(Uint16Array.of(encodeValue.bfloat16(value)), decoded)
        expect(Math.abs(decoded[0]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8 + 1e-38)
      }),
    )
  })

  it('is the pattern of float32', () => {
    expect(encodeValue.float32(1)).toBe(0x3f800000)
    expect(encodeValue.float32(-2)).toBe(0xc0000000)
  })
})
