import assert from 'node:assert/strict'
import { bytesOf, type Extent, FlexgenError, type QueueEvent, type Span, spanOf, type TierQueue } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createRandom, randomBytes } from '../kit/random.ts'
import { assertRefused } from '../kit/refusal.ts'
import type { TierContext } from './describe-tier.ts'
import { withFile } from './with-file.ts'

/** Byte ranges of files arrive one behind the other and are counted; a RAM tier may refuse them. */
export function extentsSuite({ kit, allocateHost, test }: TierContext): void {
  const content = randomBytes(31, 150_001)

  const readOrRefuse = (queue: TierQueue, target: Span, extents: readonly Extent[]): QueueEvent | undefined => {
    try {
      return queue.readExtents(target as Parameters<TierQueue['readExtents']>[0], extents)
    } catch (error) {
      assert.ok(FlexgenError.isInstance(error))
      return undefined
    }
  }

  test('extents of files are read one behind the other and counted', async (tier) =>
    withFile(kit, content, async (file) => {
      const random = createRandom(5)
      const queue = tier.createQueue('extents')
      let total = 0
      for (let round = 0; round < 12; round++) {
        const extents = Array.from({ length: random.integer(1, 4) }, () => {
          const byteOffset = random.integer(0, content.length - 1)
          return { path: file, byteOffset, byteLength: random.integer(1, content.length - byteOffset) }
        })
        const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
        const pad = random.integer(0, 5)
        const target = spanOf(allocateHost(byteLength + pad), pad, byteLength)
        const event = readOrRefuse(queue, target, extents)
        if (event === undefined) {
          assert.equal(tier.kind, 'ram', 'a disk tier reads extents')
          return
        }
        await event.whenDone()
        const expected = Buffer.concat(
          extents.map((extent) => content.subarray(extent.byteOffset, extent.byteOffset + extent.byteLength)),
        )
        assertBytes(bytesOf(target), expected, `round ${round}`)
        total += byteLength
      }
      assert.equal(tier.stats().extentBytesRead, total)
      assert.equal(tier.stats().regionBytesRead, 0)
    }))

  test('extents beyond the end of a file and missing files are errors', async (tier) =>
    withFile(kit, content, async (file) => {
      const target = spanOf(allocateHost(100))
      const beyond = [{ path: file, byteOffset: content.length - 50, byteLength: 100 }]
      await assertRefused('an extent beyond the end', () => tier.createQueue('beyond').readExtents(target, beyond))
      const missing = [{ path: `${file}.missing`, byteOffset: 0, byteLength: 100 }]
      await assertRefused('an extent of no file', () => tier.createQueue('missing').readExtents(target, missing))
    }))
}
