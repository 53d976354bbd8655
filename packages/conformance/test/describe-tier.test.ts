import { describe, expect, it } from 'vitest'
import { describeTier } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { createToyTier, type ToyDefect } from './support/toy-tier.ts'

describeTier('a toy tier', async () => createToyTier(), { describe, it })

const defects: readonly (readonly [defect: ToyDefect, title: string])[] = [
  ['ignoreReadOffset', 'random operations agree with a model in memory'],
  ['ignoreWriteOffset', 'random operations agree with a model in memory'],
  ['reuseScratch', 'several queues work side by side without mixing bytes'],
  ['neverWait', 'what one queue writes another reads once it waits for the event'],
  ['tasksAside', 'a queued task keeps its place in the order'],
  ['copyInView', 'the view of a region is its bytes where they lie; only RAM has one'],
  ['packRanges', 'ranges of regions come to their places, in any order and repeated'],
  ['firstExtentOnly', 'extents of files are read one behind the other and counted'],
  ['noExtentCheck', 'extents beyond the end of a file and missing files are errors'],
  ['lateFirstEvent', 'operations of a queue complete in the order in which they were queued'],
  ['lateListeners', 'listeners of an event that has ended are called at once'],
  ['neverWait', 'an event that is waited for holds back what is queued behind it, and nothing before it'],
  ['neverWait', 'an event of another queue holds back a queue'],
  ['failOnDoneEvent', 'waiting for an event that has ended well changes nothing'],
  ['neverWait', 'everything behind a failure fails with the same error'],
  ['neverWait', 'a failure crosses to the queues that wait for it'],
  ['ignoreCancel', 'cancel drops what has not started, and idle settles'],
  ['ignoreCancel', 'a cancelled queue stays cancelled, and says ABORTED where no reason was given'],
  ['earlyIdle', 'what is queued when its queue is cancelled settles in order, before idle does'],
  ['neverFree', 'held bytes are the bytes of the regions'],
  ['countReadsTwice', 'bytes read and written are counted exactly'],
  ['freeAtOnce', 'a region freed after an event stays until the event succeeds'],
  ['freeAtOnce', 'a region freed after an event stays until the event fails'],
  ['keepAfterDispose', 'dispose frees everything and may be called twice'],
  ['keepAfterDispose', 'dispose right after a cancel leaves nothing'],
  ['noRangeCheck', 'a range outside the region is refused'],
  ['noTargetCheck', 'ranges outside their region or their target are refused'],
  ['noLengthCheck', 'a target of another length than its extents is refused'],
  ['neverFree', 'a freed region is refused'],
  ['anyRegion', 'a region of another tier is refused'],
  ['anySize', 'sizes that are no sizes are refused'],
  ['openForever', 'a tier that is disposed refuses work'],
]

describe('describeTier catches', () => {
  it('a defect with every test', () => {
    const tests = collect((kit) => describeTier('any', async () => createToyTier(), kit))
    expect(new Set(defects.map(([, title]) => title))).toEqual(new Set(tests.keys()))
  })

  it.each(defects)('%s: %s', async (defect, title) => {
    const tests = collect((kit) => describeTier('broken', async () => createToyTier(defect), kit))
    await expect(tests.get(title)!()).rejects.toThrow()
  })
})
