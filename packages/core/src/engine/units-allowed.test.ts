import { describe, expect, it } from 'vitest'
import { unitsAllowed } from './units-allowed.ts'

const allowed = (copiedBytes: readonly number[], shares: number): number[] =>
  Array.from({ length: shares + 1 }, (_, sharesAllowed) => unitsAllowed(copiedBytes, { shares, sharesAllowed }))

describe('units of a layer that may come', () => {
  it('are as many as their bytes have shares, and all with the last', () => {
    expect(allowed([1, 1, 1, 1], 4)).toEqual([0, 1, 2, 3, 4])
    expect(allowed([4, 2, 2], 2)).toEqual([0, 1, 3])
    expect(allowed([5, 1, 1, 1], 3)).toEqual([0, 1, 1, 4])
    expect(allowed([1], 1)).toEqual([0, 1])
    expect(allowed([], 2)).toEqual([0, 0, 0])
  })

  it('do not wait for shares of what is there: the one that streams comes as early as if it were alone', () => {
    expect(allowed([33], 3)).toEqual([0, 0, 1, 1])
    expect(allowed([0, 0, 0, 0, 0, 33], 3)).toEqual([5, 5, 6, 6])
    expect(allowed([0, 0, 33, 0, 0, 0], 3)).toEqual([2, 2, 3, 6])
  })
})
