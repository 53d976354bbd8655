import { constants } from 'node:fs'
import { open, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFaultyFileSystem, createHostBuffer, createRandom, type Fault } from '@flexgen/conformance'
import { bytesOf, type Extent, type FileSystem, nodeFileSystem, spanOf } from '@flexgen/spec'
import { array, assert, asyncProperty, nat, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadAddressOf } from '../src/file/load-address-of.ts'
import { makeDiskTier, patterned } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'

const mebibyte = 2 ** 20

/** A file system that keeps the modes in which files are opened. */
function recordOpens(): { readonly fileSystem: FileSystem; readonly opened: string[] } {
  const opened: string[] = []
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: (path, mode) => {
      opened.push(mode)
      return nodeFileSystem.open(path, mode)
    },
  }
  return { fileSystem, opened }
}

/** Why direct reads cannot be tested here; undefined where they can. */
async function whyNotDirect(): Promise<string | undefined> {
  if (constants.O_DIRECT === undefined) return `no direct reads on ${process.platform}`
  await using folder = await tempFolder()
  const file = join(folder.path, 'probe')
  await writeFile(file, 'probe')
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_DIRECT)
    await handle.close()
    return undefined
  } catch (error) {
    return `the file system of ${tmpdir()} refuses direct reads: ${String(error)}`
  }
}

const reason = await whyNotDirect()
const content = patterned(5 * mebibyte + 1234, 3)
const extent = record({ byteOffset: nat(content.byteLength - 1), size: nat(2 * mebibyte) })

describe.skipIf(reason !== undefined)(`direct reads${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  it('give the bytes of any extents, aligned or not, up to the last byte of the file', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    await using tier = await makeDiskTier(folder.path, { direct: true, chunkBytes: mebibyte })
    let expectedBytes = 0
    await assert(
      asyncProperty(array(extent, { minLength: 1, maxLength: 3 }), nat(4096), async (picked, pad) => {
        const extents: Extent[] = picked.map(({ byteOffset, size }, i) => {
          // The first one goes to the end of the file every other time.
          const left = content.byteLength - byteOffset
          return { path: file, byteOffset, byteLength: i === 0 && size % 2 === 0 ? left : Math.min(size, left) }
        })
        const byteLength = extents.reduce((sum, part) => sum + part.byteLength, 0)
        const target = spanOf(createHostBuffer(byteLength + pad), pad, byteLength)
        await tier.createQueue('direct').readExtents(target, extents).whenDone()
        const parts = extents.map((part) => content.bytes.subarray(part.byteOffset, part.byteOffset + part.byteLength))
        expect(Buffer.concat(parts).equals(bytesOf(target))).toBe(true)
        expect(target.buffer.bytes.subarray(0, pad).every((byte) => byte === 0)).toBe(true)
        expectedBytes += byteLength
      }),
      { numRuns: 60 },
    )
    expect(tier.notices).toEqual([])
    expect(tier.stats().extentBytesRead).toBe(expectedBytes)
    expect(tier.stagingBytes()).toBeLessThanOrEqual(4 * (mebibyte + 8192) + 65_536)
  })

  it('give rows of a region in any order through bounded staging buffers', async () => {
    await using folder = await tempFolder()
    const { fileSystem, opened } = recordOpens()
    await using tier = await makeDiskTier(folder.path, { direct: true, chunkBytes: mebibyte, fileSystem })
    const [rowBytes, random] = [1010, createRandom(12)]
    // The region under test does not start where the file does.
    await tier.allocate(9000)
    const region = await tier.allocate(content.byteLength)
    const queue = tier.createQueue('rows')
    await queue.write(region, 0, spanOf(content)).whenDone()
    opened.length = 0
    const rows = Array.from({ length: 1500 }, () => random.integer(0, Math.floor(content.byteLength / rowBytes) - 1))
    const target = createHostBuffer(rows.length * rowBytes)
    const ranges = rows.map((row, slot) => ({
      region,
      byteOffset: row * rowBytes,
      byteLength: rowBytes,
      targetOffset: slot * rowBytes,
    }))
    await queue.readRanges(spanOf(target), ranges).whenDone()
    const expected = rows.map((row) => content.bytes.subarray(row * rowBytes, (row + 1) * rowBytes))
    expect(Buffer.concat(expected).equals(target.bytes)).toBe(true)
    expect(opened).toEqual(['read-direct'])
    expect(tier.stats().regionBytesRead).toBe(target.byteLength)
    expect(tier.stagingBytes()).toBeLessThanOrEqual(4 * (mebibyte + 8192) + 65_536)
  })

  it('go straight into a target that is aligned as the file is, and touch nothing around it', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    const addressOf = (await loadAddressOf())!
    let straight: { readonly memory: ArrayBufferLike; bytes: number } | undefined
    const fileSystem = {
      ...nodeFileSystem,
      open: async (...[path, mode]: Parameters<typeof nodeFileSystem.open>) => {
        const handle = await nodeFileSystem.open(path, mode)
        return {
          ...handle,
          read: (target: Uint8Array, position: number) => {
            if (target.buffer === straight?.memory) straight.bytes += target.byteLength
            return handle.read(target, position)
          },
        }
      },
    }
    await using tier = await makeDiskTier(folder.path, { direct: true, chunkBytes: mebibyte, fileSystem, addressOf })
    const random = createRandom(7)
    for (let round = 0; round < 20; round++) {
      const byteOffset = random.integer(0, mebibyte)
      const byteLength = random.integer(2 * mebibyte, content.byteLength - byteOffset)
      const buffer = createHostBuffer(byteLength + 3 * 4096)
      const base = Number(addressOf(buffer.bytes) % 4096n)
      const at = 4096 + ((byteOffset - base + 4096) % 4096)
      const target = spanOf(buffer, at, byteLength)
      straight = { memory: buffer.bytes.buffer, bytes: 0 }
      const read = tier.createQueue('straight').readExtents(target, [{ path: file, byteOffset, byteLength }])
      await read.whenDone()
      expect(Buffer.compare(bytesOf(target), content.bytes.subarray(byteOffset, byteOffset + byteLength))).toBe(0)
      expect(buffer.bytes.subarray(0, at).every((byte) => byte === 0)).toBe(true)
      expect(buffer.bytes.subarray(at + byteLength).every((byte) => byte === 0)).toBe(true)
      // Only the part blocks at both ends go through a staging buffer.
      const blocks = Math.floor((byteOffset + byteLength) / 4096) - Math.ceil(byteOffset / 4096)
      expect(straight.bytes).toBe(blocks * 4096)
    }
  })

  it('are really direct: they leave the page cache alone', async () => {
    await using folder = await tempFolder()
    const { fileSystem, opened } = recordOpens()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    await using tier = await makeDiskTier(folder.path, { direct: true, fileSystem })
    const target = spanOf(createHostBuffer(content.byteLength))
    const whole = [{ path: file, byteOffset: 0, byteLength: content.byteLength }]
    await tier.createQueue('direct').readExtents(target, whole).whenDone()
    expect(opened).toEqual(['read-direct'])
    const region = await tier.allocate(50_001)
    const queue = tier.createQueue('region')
    queue.write(region, 7, spanOf(content, 0, 49_000))
    const back = spanOf(createHostBuffer(49_000))
    await queue.read(back, region, 7).whenDone()
    expect(Buffer.compare(bytesOf(back), content.bytes.subarray(0, 49_000))).toBe(0)
    expect(opened).toEqual(['read-direct', 'create', 'create', 'read-direct'])
  })
})

describe('where direct reads are refused', () => {
  it.each([
    {
      when: 'when the file is opened',
      fault: { on: 'open', path: 'weights', effect: { kind: 'error', code: 'EINVAL' } },
    },
    {
      when: 'at the first read',
      fault: { on: 'read', path: 'weights', nth: 1, times: 2, effect: { kind: 'error', code: 'EINVAL' } },
    },
  ] satisfies { when: string; fault: Fault }[])(
    '$when, reads go through the page cache and a notice says so',
    async ({ fault }) => {
      await using folder = await tempFolder()
      const file = join(folder.path, 'weights.bin')
      await writeFile(file, content.bytes)
      const inner = createFaultyFileSystem(nodeFileSystem, { faults: [fault] })
      const fileSystem = {
        ...inner,
        // Plain reads go around the faults.
        open: (...[path, mode]: Parameters<typeof nodeFileSystem.open>) =>
          (mode === 'read-direct' ? inner : nodeFileSystem).open(path, mode === 'read-direct' ? 'read' : mode),
      }
      await using tier = await makeDiskTier(folder.path, { direct: true, fileSystem, lanes: 2 })
      const target = spanOf(createHostBuffer(content.byteLength))
      const whole = [{ path: file, byteOffset: 0, byteLength: content.byteLength }]
      await tier.createQueue('refused').readExtents(target, whole).whenDone()
      await tier.createQueue('refused').readExtents(target, whole).whenDone()
      expect(Buffer.compare(bytesOf(target), content.bytes)).toBe(0)
      expect(tier.stats().extentBytesRead).toBe(2 * content.byteLength)
      if (constants.O_DIRECT !== undefined)
        expect(tier.notices).toEqual([`no direct reads in ${folder.path} (EINVAL): read through the page cache`])
      expect(tier.notices).toHaveLength(1)
    },
  )

  it('other errors stay errors', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, content.bytes)
    const fault: Fault = { on: 'read', path: 'weights', effect: { kind: 'error', code: 'EIO' } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [fault] })
    await using tier = await makeDiskTier(folder.path, { direct: true, fileSystem })
    const target = spanOf(createHostBuffer(1000))
    const read = tier.createQueue('broken').readExtents(target, [{ path: file, byteOffset: 5, byteLength: 1000 }])
    await expect(read.whenDone()).rejects.toMatchObject({ code: 'READ_FAILED' })
    expect(tier.notices.filter((notice) => !notice.includes('not available on'))).toEqual([])
    expect((await stat(file)).size).toBe(content.byteLength)
  })
})
