import { createReferenceBackend } from '@flexgen/backend-reference'
import { cachePageBytes, spanOf } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { createKvRows } from './kv-rows.ts'
import { Probe } from './probe.ts'

const spec = { kvHeads: 2, headDim: 64, maxPositions: 16, dtype: 'float32' } as const
const rowBytes = cachePageBytes(spec, spec.maxPositions)

it('makes as much KV as is walked over, in whole caches, and writes all of it', async () => {
  const backend = createReferenceBackend()
  {
    await using probe = new Probe(backend)
    const rows = await createKvRows(probe, spec, 4, { cacheBytes: rowBytes, freeBytes: 2 ** 30 }, 3 * rowBytes)
    // Sixteen times the cache, which is more than what is asked for at least.
    expect(rows.map(({ row }) => row)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
    expect(new Set(rows.map(({ cache }) => cache)).size).toBe(4)
    const host = backend.allocateHost(rowBytes)
    for (const row of rows) {
      host.bytes.fill(0)
      const range = { position: 0, count: spec.maxPositions }
      const page = { span: spanOf(host), positions: spec.maxPositions }
      await probe.queue.copyFromCache({ page, ...range }, { ...row, ...range }).whenDone()
      const values = new Float32Array(host.bytes.buffer, host.bytes.byteOffset, rowBytes / 4)
      expect(values.every((value) => value !== 0 && Math.abs(value) < 6)).toBe(true)
    }
    backend.free(host)
  }
  expect(backend.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0 })
})
