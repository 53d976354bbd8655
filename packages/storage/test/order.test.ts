import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createFaultyFileSystem, createHostBuffer, createRandom, type Fault, turnLoop } from '@flexgen/conformance'
import {
  bytesOf,
  type Extent,
  nodeFileSystem,
  type QueueEvent,
  SettableEvent,
  spanOf,
  StorageError,
  type TraceSpan,
} from '@flexgen/spec'
import { describe, expect, it, vi } from 'vitest'
import { makeDiskTier, makeRamTier, patterned } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'
import { waiting } from './support/waiting.ts'

const mebibyte = 2 ** 20

/** Every read and write takes its own random time, so that they come back in any order. */
function delays(seed: number, count: number): Fault[] {
  const random = createRandom(seed)
  return (['read', 'write'] as const).flatMap((on) =>
    Array.from({ length: count }, (_, i): Fault => {
      return { on, nth: i + 1, effect: { kind: 'delay', durationMs: random.integer(0, 12) } }
    }),
  )
}

describe('order under delayed completions', () => {
  it.each([1, 2, 3])('events settle in order and every byte is right (seed %i)', async (seed) => {
    await using folder = await tempFolder()
    const content = patterned(9 * mebibyte + 321, seed)
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: delays(seed, 400) })
    await using tier = await makeDiskTier(folder.path, { fileSystem, chunkBytes: mebibyte })
    const random = createRandom(seed)
    const region = await tier.allocate(5 * mebibyte)
    const queue = tier.createQueue('delayed')
    queue.write(region, 0, spanOf(content, 0, region.byteLength))
    const order: number[] = []
    const events: QueueEvent[] = []
    const right: boolean[] = []
    for (let i = 0; i < 30; i++) {
      const byteLength = random.integer(1, 3 * mebibyte)
      const span = spanOf(createHostBuffer(byteLength))
      const fromFile = random.integer(0, 1) === 1
      const byteOffset = random.integer(0, (fromFile ? content.byteLength : region.byteLength) - byteLength)
      events.push(
        fromFile
          ? queue.readExtents(span, [{ path: file, byteOffset, byteLength }])
          : queue.read(span, region, byteOffset),
      )
      events.at(-1)!.onSettled(() => {
        order.push(i)
        // The bytes are there when the event says so, not only at the end.
        const expected = content.bytes.subarray(byteOffset, byteOffset + byteLength)
        right.push(Buffer.compare(bytesOf(span), expected) === 0)
      })
    }
    await Promise.all(events.map((event) => event.whenDone()))
    expect(order).toEqual([...order.keys()])
    expect(right).toEqual(Array.from({ length: 30 }, () => true))
    expect(fileSystem.injectedCount()).toBeGreaterThan(30)
  })

  it('one large read uses all lanes, and several transfers are in flight', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, patterned(8 * mebibyte, 1).bytes)
    const delay: Fault = { on: 'read', effect: { kind: 'delay', durationMs: 30 } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [delay] })
    await using tier = await makeDiskTier(folder.path, { fileSystem, chunkBytes: mebibyte, lanes: 4 })
    const spans: TraceSpan[] = []
    const queue = tier.createQueue('traced', { span: (span) => spans.push(span) })
    const extent = (byteOffset: number, byteLength: number): Extent[] => [{ path: file, byteOffset, byteLength }]
    await queue.readExtents(spanOf(createHostBuffer(8 * mebibyte)), extent(0, 8 * mebibyte)).whenDone()
    const atOnce = (): number =>
      Math.max(...spans.map(({ startMs }) => spans.filter((s) => s.startMs <= startMs && startMs < s.endMs).length))
    expect(spans).toHaveLength(8)
    expect(atOnce()).toBe(4)
    expect(spans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(8 * mebibyte)

    spans.length = 0
    for (let i = 0; i < 8; i++) queue.readExtents(spanOf(createHostBuffer(100)), extent(i * 1000, 100))
    await queue.idle()
    expect(atOnce()).toBe(4)
  })

  it('small extents of a file that lie close together are one read, in any order', async () => {
    await using folder = await tempFolder()
    const content = patterned(2 * mebibyte, 6)
    const files = ['one.bin', 'two.bin'].map((name) => join(folder.path, name))
    for (const file of files) await writeFile(file, content.bytes)
    const spans: TraceSpan[] = []
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [] })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    const extents = [90_000, 50, 700_000, 30_000, 50].map((byteOffset, i) => ({
      path: files[i % 2]!,
      byteOffset,
      byteLength: i === 2 ? 300_000 : 1000,
    }))
    const target = createHostBuffer(304_000)
    await tier
      .createQueue('extents', { span: (span) => spans.push(span) })
      .readExtents(spanOf(target), extents)
      .whenDone()
    const parts = extents.map(({ byteOffset, byteLength }) =>
      content.bytes.subarray(byteOffset, byteOffset + byteLength),
    )
    expect(Buffer.concat(parts).equals(target.bytes)).toBe(true)
    // Of the first file a long extent, and two that are far apart; of the second two close ones.
    expect(new Set(spans.map(({ label }) => label))).toEqual(new Set(['read file']))
    expect(spans.map(({ sizeBytes }) => sizeBytes).toSorted((a, b) => a - b)).toEqual([2000, 2000, 300_000])
    expect(fileSystem.calls.get('read')).toBe(4)
    expect(tier.stats().extentBytesRead).toBe(304_000)
  })

  it('ranges far apart are read 32 at once, and one that fails ends the operation once all of them have ended', async () => {
    await using folder = await tempFolder()
    const gate = Promise.withResolvers<void>()
    const faults: Fault[] = [
      { on: 'read', nth: 3, effect: { kind: 'error', code: 'EIO' } },
      { on: 'read', effect: { kind: 'hold', until: gate.promise } },
    ]
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    const region = await tier.allocate(50 * 100_000)
    const queue = tier.createQueue('rows')
    const target = createHostBuffer(50)
    const read = queue.readRanges(
      spanOf(target),
      Array.from({ length: 50 }, (_, i) => ({ region, byteOffset: i * 100_000, byteLength: 1, targetOffset: i })),
    )
    const behind = queue.read(spanOf(createHostBuffer(1)), region, 0)
    await vi.waitFor(() => expect(fileSystem.calls.get('read')).toBe(32), waiting)
    await turnLoop()
    expect(read.isDone()).toBe(false)
    gate.resolve()
    await expect(read.whenDone()).rejects.toMatchObject({ code: 'READ_FAILED' })
    await expect(behind.whenDone()).rejects.toBe(read.error)
    expect(fileSystem.calls.get('read')).toBe(32)
  })

  it('cancelled ranges end only when their bytes have stopped moving', async () => {
    await using folder = await tempFolder()
    const gate = Promise.withResolvers<void>()
    const held: Fault = { on: 'read', effect: { kind: 'hold', until: gate.promise } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [held] })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    const region = await tier.allocate(50 * 100_000)
    const queue = tier.createQueue('rows')
    const read = queue.readRanges(
      spanOf(createHostBuffer(50)),
      Array.from({ length: 50 }, (_, i) => ({ region, byteOffset: i * 100_000, byteLength: 1, targetOffset: i })),
    )
    await vi.waitFor(() => expect(fileSystem.calls.get('read')).toBe(32), waiting)
    queue.cancel()
    await turnLoop()
    expect(read.isDone()).toBe(false)
    gate.resolve()
    await expect(read.whenDone()).rejects.toMatchObject({ code: 'ABORTED' })
    expect(tier.stats().regionBytesRead).toBe(32)
    expect(fileSystem.calls.get('read')).toBe(32)
  })

  it('operations of one queue that share bytes do not overtake each other', async () => {
    await using folder = await tempFolder()
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: delays(9, 200) })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    const region = await tier.allocate(50_000)
    const queue = tier.createQueue('dependent')
    const buffer = createHostBuffer(50_000)
    for (let round = 0; round < 10; round++) {
      const source = patterned(50_000, round)
      queue.write(region, 0, spanOf(source))
      queue.read(spanOf(buffer), region, 0)
      queue.write(region, 0, spanOf(patterned(50_000, 100 + round)))
      await queue.idle()
      expect(Buffer.compare(buffer.bytes, source.bytes)).toBe(0)
    }
  })

  it('a task runs after what was queued before it and before what follows', async () => {
    await using folder = await tempFolder()
    await using tier = await makeDiskTier(folder.path)
    const region = await tier.allocate(1000)
    const queue = tier.createQueue('tasks')
    const [generated, target] = [createHostBuffer(1000), createHostBuffer(1000)]
    queue.task('generate', 1000, async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      generated.bytes.fill(7)
    })
    queue.write(region, 0, spanOf(generated))
    await queue.read(spanOf(target), region, 0).whenDone()
    expect(target.bytes.every((byte) => byte === 7)).toBe(true)
  })
})

describe('cancel', () => {
  it('ends an operation only when its bytes have stopped moving', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, new Uint8Array(12 * mebibyte).fill(1))
    const gate = Promise.withResolvers<void>()
    const held: Fault = { on: 'read', effect: { kind: 'hold', until: gate.promise } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [held] })
    await using tier = await makeDiskTier(folder.path, { fileSystem, chunkBytes: mebibyte, lanes: 4 })
    const queue = tier.createQueue('cancelled')
    const target = createHostBuffer(12 * mebibyte)
    const event = queue.readExtents(spanOf(target), [{ path: file, byteOffset: 0, byteLength: target.byteLength }])
    const behind = queue.readExtents(spanOf(createHostBuffer(1)), [{ path: file, byteOffset: 0, byteLength: 1 }])
    await vi.waitFor(() => expect(fileSystem.calls.get('read')).toBe(4), waiting)
    const reason = new StorageError('READ_FAILED', 'stopped by the test')
    queue.cancel(reason)
    await turnLoop()
    expect(event.isDone()).toBe(false)
    gate.resolve()
    await expect(event.whenDone()).rejects.toBe(reason)
    await expect(behind.whenDone()).rejects.toBe(reason)
    // Had a read still been under way, it would write its ones over these zeros.
    const arrived = target.bytes.indexOf(0)
    target.bytes.fill(0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(target.bytes.every((byte) => byte === 0)).toBe(true)
    expect(arrived).toBe(4 * mebibyte)
    expect(fileSystem.calls.get('read')).toBe(4)
    expect(tier.stats().extentBytesRead).toBe(4 * mebibyte)
  })

  it('leaves other queues of the tier alone', async () => {
    await using folder = await tempFolder()
    await using tier = await makeDiskTier(folder.path)
    const region = await tier.allocate(100)
    const [one, two] = [tier.createQueue('one'), tier.createQueue('two')]
    one.cancel()
    await two.write(region, 0, spanOf(createHostBuffer(100))).whenDone()
    await expect(one.read(spanOf(createHostBuffer(100)), region, 0).whenDone()).rejects.toMatchObject({
      code: 'ABORTED',
    })
  })
})

describe('regions', () => {
  it('that are allocated at the same time all fit into the file, whichever growth comes back first', async () => {
    await using folder = await tempFolder()
    const slow: Fault = { on: 'truncate', nth: 1, effect: { kind: 'delay', durationMs: 40 } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [slow] })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    const regions = await Promise.all([tier.allocate(100), tier.allocate(90_000)])
    const target = spanOf(createHostBuffer(90_000))
    await tier.createQueue('read').read(target, regions[1], 0).whenDone()
    expect(fileSystem.calls.get('truncate')).toBe(2)
  })

  it('that are freed too early take no more bytes, since others may have the place', async () => {
    await using folder = await tempFolder()
    await using disk = await makeDiskTier(folder.path)
    for (const tier of [disk, makeRamTier()]) {
      const [gone, gate] = [await tier.allocate(5000), new SettableEvent()]
      const queue = tier.createQueue('late')
      queue.wait(gate)
      const late = queue.write(gone, 0, spanOf(patterned(5000, 1)))
      tier.free(gone)
      const next = await tier.allocate(5000)
      gate.settle(0)
      await expect(late.whenDone()).rejects.toMatchObject({ code: 'INTERNAL' })
      const target = createHostBuffer(5000)
      await tier.createQueue('read').read(spanOf(target), next, 0).whenDone()
      expect(target.bytes.every((byte) => byte === 0)).toBe(true)
    }
  })
})

describe('the event loop', () => {
  it('gets its turns while RAM copies are made', async () => {
    await using tier = makeRamTier()
    const region = await tier.allocate(200 * mebibyte)
    const source = createHostBuffer(200 * mebibyte)
    let turns = 0
    const count = (): void => {
      turns++
      ticking = setImmediate(count)
    }
    let ticking = setImmediate(count)
    await tier.createQueue('copy').write(region, 0, spanOf(source)).whenDone()
    clearImmediate(ticking)
    expect(turns).toBeGreaterThanOrEqual(200 / 16 - 1)
  })
})
