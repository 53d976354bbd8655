import { describe, expect, it } from 'vitest'
import { BlockPlaces } from './block-places.ts'
import type { Sequence } from './sequence.ts'

const sequence = (index: number, promptTokens: number, maxNewTokens = 8): Sequence => ({
  index,
  sampleKey: index,
  promptIds: Array.from({ length: promptTokens }, () => 2),
  maxNewTokens,
  ids: [],
  logProbs: [],
  promptLogProbs: [],
  finishReason: undefined,
})

/** Gives every row of the next sweep a token, and ends those of the given sequences. */
function sweep(places: BlockPlaces, ending: readonly number[] = []): number[] {
  const swept = places.rows.map((row) => places.of(row))
  for (const one of swept) {
    one.ids.push(5)
    if (ending.includes(one.index)) one.finishReason = 'eos'
  }
  places.advance()
  return swept.map(({ index }) => index)
}

describe('BlockPlaces', () => {
  const shape = { sequences: 4, maxPromptTokens: 6, maxPositions: 14 }

  it('decodes what goes on, with one token a row', () => {
    const places = new BlockPlaces([sequence(0, 6), sequence(1, 4)], [], { ...shape, sequences: 2 })
    expect([places.isPrefill, sweep(places)]).toEqual([true, [0, 1]])
    expect(places.isPrefill).toBe(false)
    expect(places.rows).toEqual([
      { id: 0, newTokens: 1, cachedPositions: 6 },
      { id: 1, newTokens: 1, cachedPositions: 4 },
    ])
    expect(sweep(places, [0])).toEqual([0, 1])
    expect(places.takeUnneeded()).toEqual([0])
    expect(places.takeUnneeded()).toEqual([])
    expect(sweep(places, [1])).toEqual([1])
    expect(places.rows).toEqual([])
  })

  it('refills free places once they have been idle for a sweep of the block', () => {
    const waiting = [sequence(4, 3), sequence(5, 2), sequence(6, 2)]
    const places = new BlockPlaces(
      [0, 1, 2, 3].map((index) => sequence(index, 6)),
      waiting,
      shape,
    )
    sweep(places, [1])
    // One of four places is idle: after the fourth sweep that is as much as a sweep for the prompts.
    expect([sweep(places), sweep(places), places.isPrefill]).toEqual([[0, 2, 3], [0, 2, 3], false])
    expect(places.takeUnneeded()).toEqual([])
    sweep(places, [3])
    expect(places.isPrefill).toBe(true)
    expect(places.rows.map((row) => [row.id, places.of(row).index])).toEqual([
      [1, 4],
      [3, 5],
    ])
    expect(waiting.map(({ index }) => index)).toEqual([6])
    expect([sweep(places), places.rows.map(({ id }) => id)]).toEqual([
      [4, 5],
      [0, 1, 2, 3],
    ])
  })

  it('leaves what has no room for later, and an empty block to the next one', () => {
    const waiting = [sequence(2, 6, 99), sequence(3, 1)]
    const places = new BlockPlaces([sequence(0, 6), sequence(1, 6)], waiting, { ...shape, sequences: 2 })
    sweep(places, [1])
    sweep(places)
    expect(places.rows.map((row) => places.of(row).index)).toEqual([3])
    sweep(places, [3])
    expect(places.takeUnneeded()).toEqual([1])
    sweep(places, [0])
    expect([places.rows, waiting.map(({ index }) => index)]).toEqual([[], [2]])
  })

  it('knows whether a sweep will follow', () => {
    const places = new BlockPlaces([sequence(0, 6, 2), sequence(1, 6, 1)], [], { ...shape, sequences: 2 })
    expect(places.continues).toBe(true)
    sweep(places, [1])
    expect(places.continues).toBe(false)
    expect(new BlockPlaces([sequence(0, 6, 1)], [sequence(1, 1)], shape).continues).toBe(true)
  })
})
