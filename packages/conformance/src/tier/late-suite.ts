import assert from 'node:assert/strict'
import { bytesOf, spanOf } from '@flexgen/spec'
import type { Fault } from '../files/faulty-file-system.ts'
import { pause, within } from '../kit/pause.ts'
import { createRandom } from '../kit/random.ts'
import type { TierContext } from './describe-tier.ts'
import { faultRegionBytes as size, type FaultTest } from './fault-bench.ts'

/** Every read takes its own random time, so that they come back in any order. */
function delays(count: number): Fault[] {
  const random = createRandom(9)
  return Array.from({ length: count }, (_, i) => ({
    on: 'read',
    nth: i + 1,
    effect: { kind: 'delay', durationMs: random.integer(0, 8) },
  }))
}

/** A disk takes its time: what an event promises holds when it comes. */
export function lateSuite({ allocateHost }: TierContext, test: FaultTest): void {
  test('reads that come back in any order settle in theirs, with their bytes', delays(60), async (bench) => {
    const { tier, arm, filled } = bench
    const [region, source, random] = [await tier.allocate(size), filled(8), createRandom(8)]
    await tier.createQueue('write').write(region, 0, spanOf(source)).whenDone()
    arm()
    const queue = tier.createQueue('late')
    const order: number[] = []
    const right: boolean[] = []
    const events = Array.from({ length: 20 }, (_, i) => {
      const byteOffset = random.integer(0, size - 1)
      const target = spanOf(allocateHost(random.integer(1, size - byteOffset)))
      const event = queue.read(target, region, byteOffset)
      event.onSettled(() => {
        order.push(i)
        // They are there when the event says so, not only in the end.
        const expected = source.bytes.subarray(byteOffset, byteOffset + target.byteLength)
        right.push(Buffer.compare(bytesOf(target), expected) === 0)
      })
      return event
    })
    await Promise.all(events.map((event) => event.whenDone()))
    assert.deepEqual(order, [...events.keys()])
    assert.ok(right.every(Boolean), 'an event came before its bytes')
  })

  const slow: Fault = { on: 'read', effect: { kind: 'delay', durationMs: 40 } }
  test('a cancelled read ends only when its bytes have stopped moving', [slow], async ({ tier, arm }) => {
    const [region, ones] = [await tier.allocate(size), allocateHost(size)]
    ones.bytes.fill(1)
    await tier.createQueue('write').write(region, 0, spanOf(ones)).whenDone()
    arm()
    const queue = tier.createQueue('cancelled')
    const target = allocateHost(size)
    const events = [queue.read(spanOf(target), region, 0), queue.read(spanOf(target), region, 0)]
    await pause(10)
    queue.cancel()
    for (const event of events)
      await within(
        2000,
        'a cancelled read',
        event.whenDone().catch(() => undefined),
      )
    await within(2000, 'a cancelled queue', queue.idle())
    // Were a read still under way, it would write its ones over these zeros.
    target.bytes.fill(0)
    await pause(100)
    assert.ok(
      target.bytes.every((byte) => byte === 0),
      'bytes moved after the end',
    )
  })
}
