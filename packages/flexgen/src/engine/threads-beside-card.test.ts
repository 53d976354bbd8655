import { describe, expect, it } from 'vitest'
import { threadsBesideCard } from './threads-beside-card.ts'

describe('threads of a host beside a card', () => {
  it('are all cores but the one that feeds the card, and one at least', () => {
    expect([1, 2, 16].map((cores) => threadsBesideCard(cores))).toEqual([1, 1, 15])
  })
})
