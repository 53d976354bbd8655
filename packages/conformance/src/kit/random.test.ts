import { describe, expect, it } from 'vitest'
import { createRandom, randomBytes, randomFloats } from './random.ts'

describe('random numbers', () => {
  it('are the same for a seed, and others for another', () => {
    expect(randomFloats(3, 50)).toEqual(randomFloats(3, 50))
    expect(randomFloats(3, 50)).not.toEqual(randomFloats(4, 50))
    expect(randomBytes(3, 50)).toEqual(randomBytes(3, 50))
  })

  it('spread over their range', () => {
    const values = randomFloats(1, 10_000)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...values)).toBeLessThan(1)
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length)).toBeLessThan(0.03)
    const random = createRandom(2)
    const counts = new Map<number, number>()
    for (let i = 0; i < 3000; i++) {
      const value = random.integer(4, 6)
      counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual([4, 5, 6])
    expect(Math.min(...counts.values())).toBeGreaterThan(900)
  })
})
