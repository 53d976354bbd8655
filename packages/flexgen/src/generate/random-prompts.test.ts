import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomPrompts } from './random-prompts.ts'

const model = { name: 'tiny', maxPositions: 1024, vocabularySize: 12, eosIds: [2], padId: 1 }

describe('randomPrompts', () => {
  it('has the asked sizes, is the same for the same seed, and ends or pads nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 50 }), fc.nat(), (count, length, seed) => {
        const prompts = randomPrompts(model, { count, length, seed })
        expect(prompts).toHaveLength(count)
        for (const ids of prompts) {
          expect(ids).toHaveLength(length)
          expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 12 && id !== 1 && id !== 2)).toBe(true)
        }
        expect(randomPrompts(model, { count, length, seed })).toEqual(prompts)
      }),
    )
  })

  it('differs from seed to seed and uses all other ids', () => {
    const ids = (seed: number) => randomPrompts(model, { count: 1, length: 500, seed })[0]!
    expect(ids(1)).not.toEqual(ids(2))
    expect(new Set(ids(1))).toEqual(new Set([0, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
  })

  it.each([0, -1, 1.5])('refuses a count of %d', (count) => {
    expect(() => randomPrompts(model, { count, length: 4 })).toThrow('number of prompts')
  })

  it('refuses what could not be run or held, before any id is made', () => {
    expect(() => randomPrompts(model, { count: 1, length: 1e15 })).toThrow(
      expect.objectContaining({ code: 'PROMPT_TOO_LONG', hint: expect.stringContaining('1023') }),
    )
    expect(() => randomPrompts(model, { count: 1, length: 1024 })).toThrow('no room for a new token')
    expect(() => randomPrompts(model, { count: 1e15, length: 8 })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
