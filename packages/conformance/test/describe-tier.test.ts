import { describe, expect, it } from 'vitest'
import { describeTier } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { createToyTier, type ToyDefects } from './support/toy-tier.ts'

describeTier('a toy tier', async () => createToyTier(), { describe, it })

const defects: readonly (readonly [defect: keyof ToyDefects, title: string])[] = [
  ['ignoreReadOffset', 'random operations agree with a model in memory'],
  ['ignoreWriteOffset', 'random operations agree with a model in memory'],
  ['reuseScratch', 'several queues work side by side without mixing bytes'],
  ['neverWait', 'what one queue writes another reads once it waits for the event'],
  ['neverWait', 'an event that is waited for holds back what is queued behind it, and nothing before it'],
  ['copyInView', 'the view of a region is its bytes where they lie; only RAM has one'],
  ['firstExtentOnly', 'extents of files are read one behind the other and counted'],
  ['neverFree', 'held bytes are the bytes of the regions'],
  ['countReadsTwice', 'bytes read and written are counted exactly'],
  ['freeAtOnce', 'a region freed after an event stays until the event succeeds'],
  ['freeAtOnce', 'a region freed after an event stays until the event fails'],
  ['keepAfterDispose', 'dispose frees everything and may be called twice'],
  ['noRangeCheck', 'a range outside the region is refused'],
  ['neverFree', 'a freed region is refused'],
]

describe('describeTier catches', () => {
  it.each(defects)('%s: %s', async (defect, title) => {
    const tests = collect((kit) => describeTier('broken', async () => createToyTier({ [defect]: true }), kit))
    await expect(tests.get(title)!()).rejects.toThrow()
  })
})
