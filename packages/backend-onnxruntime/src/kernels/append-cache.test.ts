import { describe, expect, it } from 'vitest'
import { appendCache } from './append-cache.ts'

const headDim = 2
const maxPositions = 4

/** Two heads of three tokens: head, token and place as digits. */
const values = Float32Array.of(111, 112, 121, 122, 131, 132, 211, 212, 221, 222, 231, 232)

describe('appendCache', () => {
  it('puts the new tokens of each head at their positions and leaves the others', () => {
    const half = new Float32Array(2 * maxPositions * headDim).fill(9)
    appendCache(half, { values, tokens: 3, count: 2, position: 1 }, headDim, maxPositions)
    expect([...half]).toEqual([9, 9, 111, 112, 121, 122, 9, 9, 9, 9, 211, 212, 221, 222, 9, 9])
  })

  it('clears a row that starts anew behind its tokens', () => {
    const half = new Float32Array(2 * maxPositions * headDim).fill(Number.NaN)
    appendCache(half, { values, tokens: 3, count: 3, position: 0 }, headDim, maxPositions)
    expect([...half]).toEqual([111, 112, 121, 122, 131, 132, 0, 0, 211, 212, 221, 222, 231, 232, 0, 0])
  })

  it('copies long runs the same way', () => {
    const long = Float32Array.from({ length: 600 }, (_, i) => i)
    const half = new Float32Array(1000)
    appendCache(half, { values: long, tokens: 300, count: 300, position: 100 }, headDim, 500)
    expect(half.subarray(200, 800)).toEqual(long)
  })
})
