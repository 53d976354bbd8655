import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createHostBuffer } from '@flexgen/conformance'
import { bytesOf, doneEvent, type QueueEvent, type Region, spanOf, type Tier } from '@flexgen/spec'
import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeDiskTier, makeRamTier, patterned } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'

interface Step {
  readonly kind: 'allocate' | 'write' | 'read' | 'free'
  readonly pick: number
  readonly offset: number
  readonly size: number
  readonly queue: number
}

const steps = array(
  record({
    kind: constantFrom<Step['kind'][]>('allocate', 'write', 'write', 'write', 'read', 'read', 'free'),
    pick: nat(),
    offset: nat(),
    size: nat(),
    queue: nat({ max: 1 }),
  }),
  { minLength: 1, maxLength: 40 },
)

/** Mostly small, some of several chunks of 1 MiB. */
const regionBytes = (size: number): number => (size % 8 === 0 ? size % 3_000_000 : size % 20_000)

/** Runs the steps on a tier and on plain arrays, and compares every byte read and every count. */
async function checkAgainstModel(tier: Tier, plan: readonly Step[]): Promise<void> {
  const twins: { region: Region; model: Uint8Array }[] = []
  const queues = [tier.createQueue('one'), tier.createQueue('two')]
  const checks: (() => void)[] = []
  const moved = { read: 0, written: 0, peak: 0 }
  const heldBytes = (): number => twins.reduce((sum, { model }) => sum + model.byteLength, 0)
  let last: QueueEvent = doneEvent
  for (const [i, { kind, pick, offset, size, queue: which }] of plan.entries()) {
    const twin = twins[pick % twins.length]
    const queue = queues[which]!
    queue.wait(last)
    if (kind === 'allocate' || twin === undefined) {
      const byteLength = regionBytes(size)
      const region = await tier.allocate(byteLength)
      const fill = patterned(byteLength, i)
      twins.push({ region, model: fill.bytes.slice() })
      last = queue.write(region, 0, spanOf(fill))
      moved.written += byteLength
      continue
    }
    const byteOffset = offset % (twin.model.byteLength + 1)
    const byteLength = size % (twin.model.byteLength - byteOffset + 1)
    if (kind === 'free') {
      await last.whenDone()
      moved.peak = Math.max(moved.peak, tier.stats().heldBytes)
      twins.splice(twins.indexOf(twin), 1)
      tier.free(twin.region, last)
    } else if (kind === 'write') {
      const source = patterned(byteLength, i)
      twin.model.set(source.bytes, byteOffset)
      last = queue.write(twin.region, byteOffset, spanOf(source))
      moved.written += byteLength
    } else {
      const span = spanOf(createHostBuffer(byteLength + 3), 3, byteLength)
      const expected = twin.model.slice(byteOffset, byteOffset + byteLength)
      last = queue.read(span, twin.region, byteOffset)
      moved.read += byteLength
      checks.push(() => expect(Buffer.compare(bytesOf(span), expected)).toBe(0))
    }
    expect(tier.stats().heldBytes).toBe(heldBytes())
  }
  await last.whenDone()
  for (const check of checks) check()
  for (const { region, model } of twins) {
    const span = spanOf(createHostBuffer(model.byteLength))
    await queues[0]!.read(span, region, 0).whenDone()
    expect(Buffer.compare(bytesOf(span), model)).toBe(0)
    moved.read += model.byteLength
  }
  const stats = tier.stats()
  expect(stats).toMatchObject({
    heldBytes: heldBytes(),
    regionBytesRead: moved.read,
    regionBytesWritten: moved.written,
    extentBytesRead: 0,
  })
  expect(stats.peakHeldBytes).toBeGreaterThanOrEqual(Math.max(moved.peak, stats.heldBytes))
}

async function checkAndDispose(tier: Tier, plan: readonly Step[]): Promise<void> {
  await checkAgainstModel(tier, plan)
  await tier[Symbol.asyncDispose]()
  expect(tier.stats().heldBytes).toBe(0)
}

const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length

describe('random sequences of operations agree with plain arrays', () => {
  it('in RAM', () =>
    assert(
      asyncProperty(steps, (plan) => checkAndDispose(makeRamTier(), plan)),
      { numRuns: 60 },
    ))

  it.each([
    { name: 'on disk', direct: false },
    { name: 'on disk with direct reads', direct: true },
  ])('$name, and leave neither file nor open file', async ({ direct }) => {
    await using folder = await tempFolder()
    const onLinux = process.platform === 'linux'
    const openBefore = onLinux ? await openFiles() : 0
    await assert(
      asyncProperty(steps, async (plan) => {
        const offloadDir = join(folder.path, 'offload')
        await checkAndDispose(await makeDiskTier(offloadDir, { direct, chunkBytes: 2 ** 20 }), plan)
        expect(await readdir(offloadDir).catch(() => [])).toEqual([])
      }),
      { numRuns: 60 },
    )
    if (onLinux) expect(await openFiles()).toBe(openBefore)
  })
})
