import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largestLogits } from './largest-logits.ts'

describe('largestLogits', () => {
  it('is the front of all ids sorted by logit, equals by id', () => {
    const logit = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1))
    fc.assert(
      fc.property(fc.array(logit, { maxLength: 300 }), fc.nat(320), (values, wanted) => {
        const logits = Float32Array.from(values)
        const count = Math.min(wanted, logits.length)
        const sorted = [...logits.keys()].toSorted((a, b) =>
          logits[a]! < logits[b]! ? 1 : logits[a]! > logits[b]! ? -1 : a - b,
        )
        expect(largestLogits(logits, count)).toEqual(sorted.slice(0, count))
      }),
    )
  })
})
