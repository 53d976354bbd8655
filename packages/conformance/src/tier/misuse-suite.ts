import assert from 'node:assert/strict'
import { spanOf } from '@flexgen/spec'
import { assertRefused } from '../kit/refusal.ts'
import type { TierContext } from './describe-tier.ts'

/** Misuse gives errors of the project, never wrong bytes. */
export function misuseSuite({ allocateHost, test }: TierContext): void {
  test('a range outside the region is refused', async (tier) => {
    const region = await tier.allocate(100)
    const size = region.byteLength
    const buffer = allocateHost(size + 10)
    const queue = (): ReturnType<typeof tier.createQueue> => tier.createQueue('range')
    await assertRefused('a read beyond the end', () => queue().read(spanOf(buffer), region, 0))
    await assertRefused('a read behind the end', () => queue().read(spanOf(buffer, 0, 1), region, size))
    await assertRefused('a write at a negative offset', () => queue().write(region, -1, spanOf(buffer, 0, 10)))
    await assertRefused('a write beyond the end', () => queue().write(region, size - 5, spanOf(buffer, 0, 6)))
  })

  test('ranges outside their region or their target are refused', async (tier) => {
    const region = await tier.allocate(100)
    const size = region.byteLength
    const buffer = allocateHost(size + 10)
    const ranges = [
      ['a range beyond the end of its region', { byteOffset: size - 5, byteLength: 6, targetOffset: 0 }],
      ['a range before its region', { byteOffset: -1, byteLength: 6, targetOffset: 0 }],
      ['a range beyond the end of its target', { byteOffset: 0, byteLength: 6, targetOffset: 5 }],
      ['a range before its target', { byteOffset: 0, byteLength: 6, targetOffset: -1 }],
    ] as const
    for (const [what, range] of ranges)
      await assertRefused(what, () =>
        tier.createQueue('ranges').readRanges(spanOf(buffer, 5, 10), [{ region, ...range }]),
      )
  })

  test('a target of another length than its extents is refused', async (tier) => {
    const target = spanOf(allocateHost(10))
    await assertRefused('a short target', () =>
      tier.createQueue('extents').readExtents(target, [{ path: 'none', byteOffset: 0, byteLength: 11 }]),
    )
  })

  test('a freed region is refused', async (tier) => {
    const region = await tier.allocate(100)
    tier.free(region)
    const buffer = spanOf(allocateHost(100))
    await assertRefused('a read of a freed region', () => tier.createQueue('freed').read(buffer, region, 0))
    const ranges = [{ region, byteOffset: 0, byteLength: 1, targetOffset: 0 }]
    await assertRefused('a range of a freed region', () => tier.createQueue('freed').readRanges(buffer, ranges))
    await assertRefused('a write to a freed region', () => tier.createQueue('freed').write(region, 0, buffer))
    await assertRefused('a second free', () => tier.free(region))
  })

  test('a region of another tier is refused', async (tier) => {
    const stranger = { byteLength: 100 }
    await assertRefused('a strange region', () =>
      tier.createQueue('strange').read(spanOf(allocateHost(100)), stranger, 0),
    )
  })

  test('sizes that are no sizes are refused', async (tier) => {
    for (const byteLength of [-1, 1.5, Number.NaN])
      await assertRefused(`${byteLength} bytes`, () => tier.allocate(byteLength))
  })

  test('a tier that is disposed refuses work', async (tier) => {
    await tier[Symbol.asyncDispose]()
    await assertRefused('an allocation', () => tier.allocate(10))
    assert.equal(tier.stats().heldBytes, 0)
  })
}
