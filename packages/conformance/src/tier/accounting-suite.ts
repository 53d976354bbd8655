import assert from 'node:assert/strict'
import { type Region, SettableEvent, spanOf, StorageError, systemClock, type Tier } from '@flexgen/spec'
import { turnLoop } from '../kit/pause.ts'
import type { TierContext } from './describe-tier.ts'

async function allocateSome(tier: Tier): Promise<Region[]> {
  return Promise.all([1, 4097, 20_000, 333].map((byteLength) => tier.allocate(byteLength)))
}

/** What the tier says it holds and moved is what was allocated and moved (DESIGN, invariant 3). */
export function accountingSuite({ kit, allocateHost, test }: TierContext): void {
  test('held bytes are the bytes of the regions', async (tier) => {
    const before = tier.stats().heldBytes
    const regions = await allocateSome(tier)
    const held = regions.reduce((sum, region) => sum + region.byteLength, 0)
    assert.ok(held >= 1 + 4097 + 20_000 + 333)
    assert.equal(tier.stats().heldBytes - before, held)
    tier.free(regions.pop()!)
    tier.free(regions.shift()!)
    await turnLoop()
    const left = regions.reduce((sum, region) => sum + region.byteLength, 0)
    assert.equal(tier.stats().heldBytes - before, left)
    assert.ok(tier.stats().peakHeldBytes >= before + held)
    for (const region of regions) tier.free(region)
    await turnLoop()
    assert.equal(tier.stats().heldBytes, before)
  })

  test('bytes read and written are counted exactly', async (tier) => {
    const region = await tier.allocate(10_000)
    const queue = tier.createQueue('count')
    const buffer = allocateHost(10_000)
    queue.write(region, 0, spanOf(buffer))
    queue.write(region, 123, spanOf(buffer, 0, 777))
    await queue.read(spanOf(buffer, 1, 5001), region, 17).whenDone()
    const stats = tier.stats()
    assert.equal(stats.regionBytesWritten, 10_777)
    assert.equal(stats.regionBytesRead, 5001)
    assert.equal(stats.extentBytesRead, 0)
  })

  for (const ending of ['succeeds', 'fails'] as const) {
    test(`a region freed after an event stays until the event ${ending}`, async (tier) => {
      const before = tier.stats().heldBytes
      const region = await tier.allocate(5000)
      const gate = new SettableEvent()
      const queue = tier.createQueue('gated')
      queue.wait(gate)
      const read = queue.read(spanOf(allocateHost(5000)), region, 0)
      tier.free(region, gate, read)
      await turnLoop()
      assert.equal(tier.stats().heldBytes - before, region.byteLength)
      const failure = ending === 'fails' ? new StorageError('READ_FAILED', 'made to fail') : undefined
      gate.settle(systemClock.now(), failure)
      await (failure === undefined ? read.whenDone() : assert.rejects(read.whenDone(), failure))
      await turnLoop()
      assert.equal(tier.stats().heldBytes, before)
    })
  }

  test('dispose frees everything and may be called twice', async (tier) => {
    await allocateSome(tier)
    const queue = tier.createQueue('last')
    const region = await tier.allocate(9000)
    const write = queue.write(region, 0, spanOf(allocateHost(9000)))
    await queue.idle()
    assert.ok(write.isDone())
    await tier[Symbol.asyncDispose]()
    assert.equal(tier.stats().heldBytes, 0)
    await tier[Symbol.asyncDispose]()
    if (kit.leftovers !== undefined) assert.deepEqual(await kit.leftovers(), [])
  })

  test('dispose right after a cancel leaves nothing', async (tier) => {
    const region = await tier.allocate(50_000)
    const queue = tier.createQueue('cancelled')
    for (let i = 0; i < 5; i++) queue.write(region, 0, spanOf(allocateHost(50_000)))
    queue.cancel()
    await tier[Symbol.asyncDispose]()
    assert.equal(tier.stats().heldBytes, 0)
    if (kit.leftovers !== undefined) assert.deepEqual(await kit.leftovers(), [])
  })
}
