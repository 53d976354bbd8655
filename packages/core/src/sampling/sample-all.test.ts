import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largestLogits } from './largest-logits.ts'
import { sampleAll } from './sample-all.ts'

/** The definition: all ids sorted, cut to top-p, then the first whose cumulative weight exceeds the uniform's share. */
function bySorting(logits: Float32Array, temperature: number, topP: number, uniform: number): number {
  const ids = largestLogits(logits, logits.length)
  const weights = ids.map((id) => Math.exp(-(logits[ids[0]!]! - logits[id]!) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let keptWeight = 0
  while (kept < weights.length && (kept === 0 || keptWeight < topP * total)) keptWeight += weights[kept++]!
  let cumulative = 0
  for (let i = 0; i < kept; i++) {
    cumulative += weights[i]!
    if (cumulative > uniform * keptWeight) return ids[i]!
  }
  return ids[kept - 1]!
}

const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const temperature = fc.constantFrom(0.05, 0.7, 1, 3)

describe('sampleAll', () => {
  it('chooses what sorting all ids chooses', () => {
    const logit = fc.oneof(
      fc.float({ min: -40, max: 40, noNaN: true }),
      fc.constantFrom(0, -0, 1, 1.5, -1000, Number.NEGATIVE_INFINITY),
    )
    const row = fc.array(logit, { minLength: 1, maxLength: 400 }).filter((values) => values.some(Number.isFinite))
    const topP = fc.constantFrom(0.001, 0.5, 0.9, 0.999, 1)
    let differing = 0
    let runs = 0
    fc.assert(
      fc.property(row, temperature, topP, uniform, (values, t, p, u) => {
        const logits = Float32Array.from(values)
        runs++
        if (sampleAll(logits, t, p, u) !== bySorting(logits, t, p, u)) differing++
      }),
      { numRuns: 2000 },
    )
    // Sums are added in another order, so that a uniform on the very border of two ids may fall to the other side.
    expect(runs).toBe(2000)
    expect(differing).toBeLessThanOrEqual(2)
  })

  it('walks over all ids in order of probability', () => {
    const logits = Float32Array.from({ length: 3000 }, (_, i) => Math.log(1 + ((i * 7919) % 3000)))
    const ids = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999].map((u) => sampleAll(logits, 1, 1, u))
    expect(ids).toEqual([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999].map((u) => bySorting(logits, 1, 1, u)))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('takes an id of any row', () => {
    const infinite = Number.POSITIVE_INFINITY
    expect(sampleAll(Float32Array.of(1, infinite, 2), 1, 1, 0.5)).toBe(1)
    expect([0, 1]).toContain(sampleAll(Float32Array.of(-infinite, -infinite), 1, 0.5, 0.5))
    expect([0, 1]).toContain(sampleAll(Float32Array.of(Number.NaN, Number.NaN), 1, 1, 0.5))
  })

  it('keeps the largest where top-p is reached by it alone, and where a temperature leaves no other', () => {
    const logits = Float32Array.of(0, 9, 3, 9)
    expect(sampleAll(logits, 1, 0.4, 0.99)).toBe(1)
    expect(sampleAll(logits, 1e-3, 1, 0.999)).toBe(3)
    expect(sampleAll(Float32Array.of(5), 1, 1, 0.5)).toBe(0)
  })
})
