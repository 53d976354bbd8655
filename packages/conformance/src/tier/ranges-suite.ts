import assert from 'node:assert/strict'
import { type RegionRange, spanOf } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createRandom, randomBytes } from '../kit/random.ts'
import type { TierContext } from './describe-tier.ts'

/** Many ranges of regions arrive as one operation, each at its place, and are counted. */
export function rangesSuite({ allocateHost, test }: TierContext): void {
  test('ranges of regions come to their places, in any order and repeated', async (tier) => {
    const random = createRandom(11)
    const queue = tier.createQueue('ranges')
    const sizes = [400_000, 70_001]
    const twins = await Promise.all(
      sizes.map(async (byteLength, i) => {
        const source = allocateHost(byteLength)
        source.bytes.set(randomBytes(70 + i, byteLength))
        return { region: await tier.allocate(byteLength), source }
      }),
    )
    for (const { region, source } of twins) queue.write(region, 0, spanOf(source))
    let total = 0
    for (const [count, longest] of [
      [300, 900],
      [40, 5000],
      [4, 300_000],
      [1, 100],
      [0, 1],
    ] as const) {
      const ranges: RegionRange[] = []
      const parts: Uint8Array[] = []
      let at = 0
      for (let i = 0; i < count; i++) {
        const { region, source } = random.pick(twins)
        const byteOffset = random.integer(0, source.byteLength - 1)
        const byteLength = random.integer(0, Math.min(longest, source.byteLength - byteOffset))
        const again = i % 7 === 6 ? ranges[i - 3] : undefined
        const range = { ...(again ?? { region, byteOffset, byteLength }), targetOffset: at + (i % 3) }
        const origin = twins.find((twin) => twin.region === range.region)!.source.bytes
        ranges.push(range)
        // What lies between the places stays as it was.
        parts.push(
          new Uint8Array(i % 3).fill(9),
          origin.subarray(range.byteOffset, range.byteOffset + range.byteLength),
        )
        at = range.targetOffset + range.byteLength
        total += range.byteLength
      }
      const buffer = allocateHost(at + 10)
      buffer.bytes.fill(9)
      await queue.readRanges(spanOf(buffer, 5, at), ranges).whenDone()
      const outside = new Uint8Array(5).fill(9)
      assertBytes(buffer.bytes.subarray(0, at + 10), Buffer.concat([outside, ...parts, outside]), `${count} ranges`)
    }
    assert.equal(tier.stats().regionBytesRead, total)
    assert.equal(tier.stats().extentBytesRead, 0)
  })
}
