import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createFaultyFileSystem,
  createHostBuffer,
  type Fault,
  type FaultyFileSystem,
  type FaultPlan,
} from '@flexgen/conformance'
import { bytesOf, nodeFileSystem, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import type { DiskTier } from '../src/index.ts'
import { makeDiskTier, makeRamTier, patterned } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'

const mebibyte = 2 ** 20

interface Bench {
  readonly tier: DiskTier
  readonly fileSystem: FaultyFileSystem
  readonly file: string
  readonly offloadDir: string
}

const content = patterned(3 * mebibyte + 77, 5)

/** Runs a test on a disk tier with faults and a file to read; afterwards nothing is open and nothing is left. */
async function withFaults(plan: FaultPlan, body: (bench: Bench) => Promise<void>): Promise<void> {
  await using folder = await tempFolder()
  const file = join(folder.path, 'weights.bin')
  await writeFile(file, content.bytes)
  const offloadDir = join(folder.path, 'offload')
  const fileSystem = createFaultyFileSystem(nodeFileSystem, plan)
  const tier = await makeDiskTier(offloadDir, { fileSystem, chunkBytes: mebibyte })
  await body({ tier, fileSystem, file, offloadDir })
  await tier[Symbol.asyncDispose]()
  expect(fileSystem.openCount()).toBe(0)
  expect(await readdir(offloadDir).catch(() => [])).toEqual([])
  expect(tier.stats().heldBytes).toBe(0)
  expect(fileSystem.injectedCount() > 0 || plan.truncated !== undefined).toBe(true)
}

const whole = (file: string): { path: string; byteOffset: number; byteLength: number }[] => [
  { path: file, byteOffset: 0, byteLength: content.byteLength },
]

describe('faults of the file system', () => {
  it.each(['ENOSPC', 'EDQUOT'])('%s while writing is OUT_OF_DISK', async (code) => {
    const full: Fault = { on: 'write', path: 'offload.bin', nth: 2, effect: { kind: 'torn', sizeBytes: 5000, code } }
    await withFaults({ faults: [full] }, async ({ tier }) => {
      const region = await tier.allocate(content.byteLength)
      const write = tier.createQueue('write').write(region, 0, spanOf(content))
      await expect(write.whenDone()).rejects.toMatchObject({ code: 'OUT_OF_DISK', exitCode: 6 })
    })
  })

  it('EIO while reading is READ_FAILED, also where only the first piece fails', async () => {
    const broken: Fault = { on: 'read', nth: 1, effect: { kind: 'error', code: 'EIO' } }
    await withFaults({ faults: [broken] }, async ({ tier, file }) => {
      const queue = tier.createQueue('read')
      const read = queue.readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
      const behind = queue.readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
      await expect(read.whenDone()).rejects.toMatchObject({ code: 'READ_FAILED', exitCode: 7 })
      await expect(behind.whenDone()).rejects.toBe(read.error)
      const again = tier.createQueue('again').readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
      await again.whenDone()
    })
  })

  it('short reads and short writes are continued', async () => {
    const faults: Fault[] = (['read', 'write'] as const).map((on) => {
      return { on, path: 'offload.bin', effect: { kind: 'short', sizeBytes: 70_001 } }
    })
    await withFaults({ faults }, async ({ tier }) => {
      const region = await tier.allocate(content.byteLength)
      const queue = tier.createQueue('short')
      const span = spanOf(createHostBuffer(content.byteLength))
      queue.write(region, 0, spanOf(content))
      await queue.read(span, region, 0).whenDone()
      expect(Buffer.compare(bytesOf(span), content.bytes)).toBe(0)
    })
  })

  it('a disk that takes no bytes and names no error is OUT_OF_DISK', async () => {
    const deaf: Fault = { on: 'write', path: 'offload.bin', effect: { kind: 'short', sizeBytes: 0 } }
    await withFaults({ faults: [deaf] }, async ({ tier }) => {
      const region = await tier.allocate(100)
      const write = tier.createQueue('write').write(region, 0, spanOf(createHostBuffer(100)))
      await expect(write.whenDone()).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
    })
  })

  it('a file that ends inside an extent is CORRUPT_DATA', async () => {
    await withFaults({ truncated: { 'weights.bin': 2 * mebibyte } }, async ({ tier, file }) => {
      const read = tier.createQueue('read').readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
      await expect(read.whenDone()).rejects.toMatchObject({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining('file truncated while it was read'),
      })
    })
  })

  it('a file that is missing is FILE_NOT_FOUND, and is read once it is there', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'late.bin')
    await using tier = await makeDiskTier(folder.path)
    const read = (): Promise<void> =>
      tier
        .createQueue('read')
        .readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
        .whenDone()
    await expect(read()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', exitCode: 4 })
    await writeFile(file, content.bytes)
    await read()
  })

  it.each([false, true])('a file cut in mid-run is CORRUPT_DATA (direct: %s)', async (direct) => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    await using tier = await makeDiskTier(folder.path, { direct })
    await tier
      .createQueue('before')
      .readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
      .whenDone()
    await truncate(file, mebibyte + 5)
    const after = tier.createQueue('after').readExtents(spanOf(createHostBuffer(content.byteLength)), whole(file))
    await expect(after.whenDone()).rejects.toMatchObject({ code: 'CORRUPT_DATA' })
    expect(tier.notices.filter((notice) => notice.includes('EINVAL'))).toEqual([])
  })

  it.each([
    { on: 'makeFolder', code: 'EACCES', expected: 'NOT_WRITABLE' },
    { on: 'open', code: 'EROFS', expected: 'NOT_WRITABLE' },
    { on: 'write', code: 'ENOSPC', expected: 'OUT_OF_DISK' },
    { on: 'truncate', code: 'EFBIG', expected: 'NOT_WRITABLE' },
  ] as const)('an offload directory whose $on fails with $code is $expected, and the next try works', async (fault) => {
    const once: Fault = { on: fault.on, nth: 1, effect: { kind: 'error', code: fault.code } }
    await withFaults({ faults: [once] }, async ({ tier }) => {
      await expect(tier.allocate(5000)).rejects.toMatchObject({ code: fault.expected, exitCode: 6 })
      expect(tier.stats()).toMatchObject({ heldBytes: 0, peakHeldBytes: 0 })
      const region = await tier.allocate(5000)
      await tier
        .createQueue('write')
        .write(region, 0, spanOf(createHostBuffer(5000)))
        .whenDone()
    })
  })

  it('a file that cannot be closed is an error of dispose, which still removes everything', async () => {
    await using folder = await tempFolder()
    const fault: Fault = { on: 'close', path: 'offload.bin', effect: { kind: 'error', code: 'EIO' } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [fault] })
    const tier = await makeDiskTier(folder.path, { fileSystem })
    await tier.allocate(10)
    await expect(tier[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
    expect(await readdir(folder.path)).toEqual([])
    expect(fileSystem.openCount()).toBe(0)
  })
})

describe('budgets and room', () => {
  it('a budget is checked before anything is allocated, and given back by free', async () => {
    await using folder = await tempFolder()
    await using disk = await makeDiskTier(join(folder.path, 'offload'), { budgetBytes: 10_000 })
    await using ram = makeRamTier(10_000)
    await expect(disk.allocate(10_001)).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
    expect(await readdir(folder.path)).toEqual([])
    await expect(ram.allocate(10_001)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    for (const tier of [disk, ram]) {
      const region = await tier.allocate(6000)
      await expect(tier.allocate(4001)).rejects.toMatchObject({ exitCode: 6 })
      await tier.allocate(4000)
      tier.free(region)
      await tier.allocate(6000)
      expect(tier.stats()).toMatchObject({ heldBytes: 10_000, peakHeldBytes: 10_000 })
    }
  })

  it('a disk with too little room is OUT_OF_DISK before a byte is written', async () => {
    await using folder = await tempFolder()
    await using tier = await makeDiskTier(folder.path, { roomFor: () => Promise.resolve(1_000_000) })
    await tier.allocate(600_000)
    await expect(tier.allocate(600_000)).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
    await tier.allocate(300_000)
    await using real = await makeDiskTier(folder.path)
    await expect(real.allocate(2 ** 52)).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
  })

  it('an allocator that fails is OUT_OF_MEMORY and holds nothing', async () => {
    await using tier = makeRamTier()
    await expect(tier.allocate(2 ** 52)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', exitCode: 6 })
    expect(tier.stats().heldBytes).toBe(0)
  })

  it.each([{ lanes: 0 }, { lanes: 1.5 }, { chunkBytes: 100 }, { chunkBytes: 17 * mebibyte }, { budgetBytes: -1 }])(
    '%o is refused',
    async (change) => {
      await expect(makeDiskTier('somewhere', change)).rejects.toMatchObject({ code: 'USAGE' })
    },
  )
})
