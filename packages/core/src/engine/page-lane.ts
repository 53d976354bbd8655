import { type CachePage, cachePageBytes, type CacheSpec, type HostBuffer, spanOf, type TierQueue } from '@flexgen/spec'
import { SlotPool } from './slot-pool.ts'
import { alignedBytes } from './staging-ring.ts'

/** What pages of KV pass through between the disk and rows: queues of the disk, and buffers that go from page to page. */
export interface PageLane {
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
  readonly pages: SlotPool<CachePage>
}

/** Page buffers of a lane: so many reads and writes of pages are under way at once. */
const pageBufferCount = 8

/** Bytes of the page buffers of a lane. */
export function pageBufferBytes(spec: CacheSpec, pagePositions: number): number {
  return pageBufferCount * alignedBytes(cachePageBytes(spec, pagePositions))
}

/** Page buffers in host memory of `pageBufferBytes`. */
export function createPages(staging: HostBuffer, spec: CacheSpec, pagePositions: number): SlotPool<CachePage> {
  const pageBytes = cachePageBytes(spec, pagePositions)
  return new SlotPool(
    Array.from({ length: pageBufferCount }, (_, i) => ({
      span: spanOf(staging, i * alignedBytes(pageBytes), pageBytes),
      positions: pagePositions,
    })),
  )
}
