import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argMax, checkSampling, sampleRow } from './sample-row.ts'
import { keyedUniform } from './uniform.ts'

const logits = Float32Array.from([1, 3, 2, 3])

describe('sampleRow', () => {
  it('takes the first of equals when greedy', () => {
    expect(argMax(logits)).toBe(1)
    expect(sampleRow(logits, { temperature: 0, topK: 0, topP: 1 }, 0.99)).toBe(1)
  })

  it('takes the first of the largest of rows of any length', () => {
    const rows = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(rows, (row) => {
        expect(argMax(Float32Array.from(row))).toBe(row.indexOf(Math.max(...row)))
      }),
    )
  })

  it('walks the cumulative probability in order of probability', () => {
    const all = { temperature: 1, topK: 0, topP: 1 }
    expect(sampleRow(logits, all, 0)).toBe(1)
    expect(sampleRow(logits, all, 0.5)).toBe(3)
    expect(sampleRow(logits, all, 0.999999)).toBe(0)
  })

  it('keeps top-k and top-p candidates only', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.9999999, noNaN: true }), (uniform) => {
        expect([1, 3]).toContain(sampleRow(logits, { temperature: 1, topK: 2, topP: 1 }, uniform))
        expect(sampleRow(logits, { temperature: 1, topK: 0, topP: 0.1 }, uniform)).toBe(1)
      }),
    )
  })

  it.each([
    { temperature: -1, topK: 0, topP: 1 },
    { temperature: 1, topK: 1.5, topP: 1 },
    { temperature: 1, topK: 0, topP: 0 },
  ])('refuses %o', (options) => {
    expect(() => checkSampling(options)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('keyedUniform', () => {
  it('depends on every part of its key and fills [0, 1) evenly', () => {
    expect(
      new Set([keyedUniform(1, 2, 3), keyedUniform(2, 2, 3), keyedUniform(1, 3, 3), keyedUniform(1, 2, 4)]).size,
    ).toBe(4)
    const buckets = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 10_000; i++) buckets[Math.floor(keyedUniform(7, i % 100, Math.floor(i / 100)) * 10)]!++
    for (const bucket of buckets) expect(Math.abs(bucket - 1000)).toBeLessThan(150)
  })
})
