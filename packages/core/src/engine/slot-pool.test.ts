import { SettableEvent } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { SlotPool } from './slot-pool.ts'

describe('SlotPool', () => {
  it('hands slots on in the order of their release, with the events of the last user', () => {
    const pool = new SlotPool(['a', 'b'])
    const [first, second] = [pool.take(), pool.take()]
    expect([first, second]).toEqual([
      { item: 'a', after: [] },
      { item: 'b', after: [] },
    ])
    const events = [new SettableEvent(), new SettableEvent()]
    pool.release(second.item, ...events)
    pool.release(first.item)
    expect(pool.take()).toEqual({ item: 'b', after: events })
    expect(pool.take()).toEqual({ item: 'a', after: [] })
  })

  it('begins anew with the first slot, which still has the events of its last user', () => {
    const pool = new SlotPool(['a', 'b', 'c'])
    const event = new SettableEvent()
    const [first, second] = [pool.take(), pool.take()]
    pool.release(second.item)
    expect(() => pool.rewind()).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
    pool.release(first.item, event)
    pool.rewind()
    const taken = [pool.take(), pool.take(), pool.take()]
    expect(taken.map(({ item }) => item)).toEqual(['a', 'b', 'c'])
    expect(taken[0]!.after).toEqual([event])
  })

  it('refuses where no slot is free, instead of waiting for one that nobody will release', () => {
    const pool = new SlotPool([1])
    pool.take()
    expect(() => pool.take()).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
  })
})
