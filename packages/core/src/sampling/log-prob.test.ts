import { describe, expect, it } from 'vitest'
import { logProb } from './log-prob.ts'

describe('logProb', () => {
  it('is the log of the softmax', () => {
    const logits = Float32Array.of(1, 2, 3, -1)
    const total = [...logits].reduce((sum, logit) => sum + Math.exp(logit), 0)
    for (const id of [0, 1, 2, 3]) expect(logProb(logits, id)).toBeCloseTo(Math.log(Math.exp(logits[id]!) / total), 12)
  })

  it('does not overflow', () => {
    expect(logProb(Float32Array.of(1000, 1000), 0)).toBeCloseTo(-Math.LN2, 12)
    expect(logProb(Float32Array.of(0, -2000), 1)).toBe(-2000)
  })
})
