import { assert, integer, nat, array as arrays, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFreeList, roundToBlocks } from './free-list.ts'

describe('createFreeList', () => {
  it('takes the first range that is large enough, and joins neighbours', () => {
    const list = createFreeList()
    const [a, b, c] = [list.take(5000), list.take(4096), list.take(1)]
    expect([a, b, c, list.endBytes]).toEqual([0, 8192, 12_288, 16_384])
    list.give(a, 5000)
    expect(list.take(8193)).toBe(16_384)
    list.give(b, 4096)
    // Both freed ranges together hold three blocks.
    expect(list.take(12_288)).toBe(0)
  })

  it('grows a free range at the end instead of leaving it', () => {
    const list = createFreeList()
    list.give(list.take(4096), 4096)
    expect(list.take(9000)).toBe(0)
    expect(list.endBytes).toBe(12_288)
  })

  it('never gives a byte to two owners, and joins everything back into one range', () => {
    const step = record({
      takes: integer({ min: 0, max: 2 }),
      byteLength: integer({ min: 0, max: 20_000 }),
      pick: nat(),
    })
    assert(
      property(arrays(step, { maxLength: 120 }), (steps) => {
        const list = createFreeList()
        const owned: { byteOffset: number; byteLength: number }[] = []
        for (const { takes, byteLength, pick } of steps) {
          if (takes > 0 || owned.length === 0) {
            const byteOffset = list.take(byteLength)
            expect(byteOffset % 4096).toBe(0)
            const end = byteOffset + roundToBlocks(byteLength)
            expect(end).toBeLessThanOrEqual(list.endBytes)
            for (const other of owned)
              expect(end <= other.byteOffset || byteOffset >= other.byteOffset + roundToBlocks(other.byteLength)).toBe(
                true,
              )
            owned.push({ byteOffset, byteLength })
          } else {
            const [freed] = owned.splice(pick % owned.length, 1)
            list.give(freed!.byteOffset, freed!.byteLength)
          }
        }
        for (const { byteOffset, byteLength } of owned) list.give(byteOffset, byteLength)
        const end = list.endBytes
        expect(list.take(Math.max(end, 1))).toBe(0)
        expect(list.endBytes).toBe(Math.max(end, 4096))
      }),
      { numRuns: 300 },
    )
  })
})
