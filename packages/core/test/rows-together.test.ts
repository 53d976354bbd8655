import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend, CacheCopy, Queue, QueueEvent } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'
import { fiveRequests } from './support/five-requests.ts'

/** What was copied as one operation. */
interface Together {
  readonly direction: 'toCache' | 'fromCache'
  readonly copies: readonly CacheCopy[]
}

/** A device whose queues copy several rows at once, and whole ones where they may. */
function rowCopyingDevice(told: (copied: Together) => void): Backend {
  const plain = createReferenceBackend({ hostVisible: false })
  const extended = (queue: Queue): Queue => {
    const copyOne = (direction: Together['direction'], { range, page, mayCopyRest }: CacheCopy): QueueEvent => {
      if (direction === 'fromCache') return queue.copyFromCache(page, range)
      const rest = mayCopyRest === true ? page.page.positions : range.count
      return queue.copyToCache({ ...range, count: rest }, page)
    }
    queue.copyCacheRows = (direction, copies) => {
      told({ direction, copies })
      return copies.map((copy) => copyOne(direction, copy)).at(-1)!
    }
    return queue
  }
  return { ...plain, createQueue: (name, sink) => extended(plain.createQueue(name, sink)) }
}

/** Ids of all requests, with KV by `device, RAM` percents and the rest on disk. */
async function idsOn(backend: Backend, kvPercent: readonly [number, number]): Promise<readonly (readonly number[])[]> {
  await using opened = await openFixture()
  const { model, weights } = opened
  const percent = [0, 100, ...kvPercent, 0, 100]
  const policy = { gpuBatchSize: 3, numGpuBatches: 2, percent }
  await using bench = await openBench({ backend, model, weights, policy, pagePositions: 4 })
  await using engine = await bench.createEngine()
  const results = await engine.generateAll(fiveRequests, { maxNewTokens: 6, ignoreEos: true })
  return results.map(({ ids }) => ids)
}

describe('rows of a batch that stream together', () => {
  // RAM is full of what is no number before KV comes to it, and so is what is copied of a row beyond its positions.
  it.each([
    ['in RAM', [0, 100]],
    ['in RAM and on disk', [0, 70]],
  ] as const)('give the same ids, with KV %s', async (_, kvPercent) => {
    const together: Together[] = []
    const ids = await idsOn(
      rowCopyingDevice((copied) => together.push(copied)),
      kvPercent,
    )
    expect(ids).toEqual(await idsOn(createReferenceBackend({ hostVisible: false }), kvPercent))
    const most = (direction: Together['direction']): number =>
      Math.max(0, ...together.filter((each) => each.direction === direction).map(({ copies }) => copies.length))
    expect(most('toCache')).toBeGreaterThan(1)
    expect(most('fromCache')).toBeGreaterThan(1)
    // New positions alone: nobody may write over the rest of what rests.
    const stored = together.filter(({ direction }) => direction === 'fromCache').flatMap(({ copies }) => copies)
    expect(stored.every(({ mayCopyRest }) => mayCopyRest !== true)).toBe(true)
  })
})
