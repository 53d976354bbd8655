import type { FileHandle, FileSystem } from '@flexgen/spec'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { throttleFileSystem } from './throttled-file-system.ts'

/** A throttled file whose reads take `readMs` of themselves. */
function open(readMs: number, bytesPerSecond: number): Promise<FileHandle> {
  const handle: Partial<FileHandle> = {
    read: async (target) => {
      await setTimeout(readMs)
      return target.byteLength
    },
    write: async (source) => source.byteLength,
  }
  const fileSystem = { open: async () => handle } as unknown as FileSystem
  return throttleFileSystem(fileSystem, bytesPerSecond).open('f', 'read')
}

describe('a throttled file system', () => {
  it('gives and takes bytes no faster than its bandwidth, one behind the other', async () => {
    const handle = await open(0, 1e5)
    const startMs = performance.now()
    const doneMs: number[] = []
    const sizes = [1000, 3000, 2000]
    await Promise.all(
      sizes.map(async (bytes, i) => {
        const bytesOf = new Uint8Array(bytes)
        expect(await (i === 2 ? handle.write(bytesOf, 0) : handle.read(bytesOf, 0))).toBe(bytes)
        doneMs[i] = performance.now() - startMs
      }),
    )
    // A thousand bytes take ten milliseconds; timers may be a millisecond early.
    for (const [i, ms] of [10, 40, 60].entries()) expect(doneMs[i]).toBeGreaterThan(ms - 2)
  })

  it('does not give what the disk has not given', async () => {
    const handle = await open(40, 1e9)
    const startMs = performance.now()
    await Promise.all([handle.read(new Uint8Array(10), 0), handle.read(new Uint8Array(10), 0)])
    expect(performance.now() - startMs).toBeGreaterThan(38)
  })
})
