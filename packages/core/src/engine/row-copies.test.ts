import { createReferenceBackend } from '@flexgen/backend-reference'
import { type CacheCopy, type CacheSpec, cachePageBytes, doneEvent, type Queue, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { RowCopies } from './row-copies.ts'

const spec: CacheSpec = { kvHeads: 2, headDim: 4, maxPositions: 8, dtype: 'float32' }

/** Copies of two rows, from two pages of numbers, on a queue of the reference backend. */
function twoRows(): { readonly queue: Queue; readonly copies: CacheCopy[]; readonly pages: Uint8Array } {
  const backend = createReferenceBackend({ hostVisible: false })
  const pageBytes = cachePageBytes(spec, spec.maxPositions)
  const cache = backend.allocateCache(spec, 2)
  const host = backend.allocateHost(2 * pageBytes)
  host.bytes.forEach((_, i) => void (host.bytes[i] = i % 251))
  const copies = [0, 1].map((row): CacheCopy => {
    const page = { span: spanOf(host, row * pageBytes, pageBytes), positions: spec.maxPositions }
    return { range: { cache, row, position: 0, count: spec.maxPositions }, page: { page, position: 0 } }
  })
  return { queue: backend.createQueue('rows'), copies, pages: host.bytes }
}

describe('copies of the rows of a batch', () => {
  it('go one by one to a queue that has no other way, there and back', async () => {
    const { queue, copies, pages } = twoRows()
    const before = pages.slice()
    for (const direction of ['toCache', 'fromCache'] as const) {
      const rows = new RowCopies(queue, direction)
      for (const copy of copies) rows.add(copy)
      await rows.queue()!.whenDone()
      if (direction === 'toCache') pages.fill(0)
    }
    expect(pages).toEqual(before)
  })

  it('go together where the queue takes several, once', () => {
    const { queue, copies } = twoRows()
    const taken: (readonly [string, number])[] = []
    queue.copyCacheRows = (direction, given) => {
      taken.push([direction, given.length])
      return queue.copyToCache(given[0]!.range, given[0]!.page)
    }
    const rows = new RowCopies(queue, 'toCache')
    expect(rows.queue()).toBeUndefined()
    for (const copy of copies) rows.add(copy)
    expect(rows.queue()).toBeDefined()
    expect(rows.queue()).toBeUndefined()
    expect(taken).toEqual([['toCache', 2]])
  })

  it('are of whole rows where that copies little in vain and somebody gains by it', () => {
    const { queue } = twoRows()
    const large: CacheSpec = { kvHeads: 32, headDim: 128, maxPositions: 544, dtype: 'float16' }
    expect(new RowCopies(queue, 'toCache').countOf(large, 540)).toBe(540)
    queue.copyCacheRows = () => doneEvent
    const rows = new RowCopies(queue, 'toCache')
    // 16 KiB a position, and 256 KiB at most.
    expect([544, 528, 527, 1].map((count) => rows.countOf(large, count))).toEqual([544, 544, 527, 1])
    expect(rows.countOf({ ...large, dtype: 'q4g64' }, 500)).toBe(544)
  })
})
