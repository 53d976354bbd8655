import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHostBuffer, createRandom } from '@flexgen/conformance'
import { bytesOf, spanOf, systemClock, type TraceSpan } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { describe, expect, it } from 'vitest'
import { gatherRows, type RowGatherOptions } from '../src/engine/row-gather.ts'
import type { RestingBlock } from '../src/engine/resting-weights.ts'

const [rowBytes, rowCount] = [200, 3000]
/** Rows of a block; blocks of the disk and of RAM take turns. */
const blockRows = 500

describe.each([false, true])('gathered rows (direct: %s)', (direct) => {
  it('of disk and RAM lie in the order in which their ids came first, read in few reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flexgen-rows-'))
    try {
      await using disk = await createDiskTier({ offloadDir: folder, clock: systemClock, direct })
      await using ram = createRamTier({ allocateHost: createHostBuffer, freeHost: () => {}, clock: systemClock })
      const rowOf = (row: number): Uint8Array => new Uint8Array(new Uint32Array(rowBytes / 4).fill(row).buffer)
      const blocks: RestingBlock[] = []
      for (let firstRow = 0; firstRow < rowCount; firstRow += blockRows) {
        const [name, tier] = (firstRow / blockRows) % 2 === 0 ? (['disk', disk] as const) : (['ram', ram] as const)
        const byteLength = blockRows * rowBytes
        const region = await tier.allocate(byteLength)
        const source = createHostBuffer(byteLength)
        for (let row = 0; row < blockRows; row++) source.bytes.set(rowOf(firstRow + row), row * rowBytes)
        await tier.createQueue('write').write(region, 0, spanOf(source)).whenDone()
        const byteOffset = firstRow * rowBytes
        blocks.push({ tier: name, firstRow, rowCount: blockRows, byteOffset, byteLength, region, buffer: undefined })
      }
      const spans: TraceSpan[] = []
      const diskQueue = disk.createQueue('rows read', { span: (span) => spans.push(span) })
      const unit = { sizeBytes: rowCount * rowBytes, spec: { shape: [rowCount, rowBytes / 2] } }
      const options = { ram, diskQueue, table: { unit, blocks } } as unknown as RowGatherOptions
      const random = createRandom(4)
      const ids = Int32Array.from({ length: 2000 }, () => random.integer(0, rowCount - 1))
      const wanted = [...new Set(ids)]
      const rewritten = ids.map((id) => wanted.indexOf(id))
      const target = createHostBuffer(wanted.length * rowBytes)
      const gathered = gatherRows(options, ids, target)
      await gathered.ready!.whenDone()
      expect(gathered.rowCount).toBe(wanted.length)
      expect(ids).toEqual(rewritten)
      expect(Buffer.concat(wanted.map(rowOf)).equals(bytesOf(spanOf(target)))).toBe(true)
      // Three blocks on disk, each of whose rows lie close together.
      expect(spans).toHaveLength(3)
      const fromDisk = wanted.filter((row) => Math.floor(row / blockRows) % 2 === 0)
      expect(spans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(fromDisk.length * rowBytes)
      expect(disk.stats().regionBytesRead).toBe(fromDisk.length * rowBytes)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
