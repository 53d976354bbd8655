import { checkCacheCopy, type Owned } from '@flexgen/backend-kit'
import { type CacheCopy, dtypeBytes, UsageError } from '@flexgen/spec'
import type { CudaContext } from '../cuda-context.ts'
import { type CacheLines, rectanglesOf } from './cache-rectangles.ts'
import type { Work } from './cuda-queue.ts'

/**
 * Copies between cache rows and host pages: a line for each head, keys and values apart, but rows that are copied whole and lie at
 * equal distances as lines of one rectangle.
 * @throws {FlexgenError} `USAGE` for positions outside a row or a page, or where there is no copy
 */
export function planCudaCacheCopies(
  label: 'copyToCache' | 'copyFromCache',
  copies: readonly CacheCopy[],
  { caches, memory, copyRectangle }: CudaContext,
): Work {
  if (copies.length === 0) throw new UsageError(`${label} of no rows`)
  const owners = new Set<Owned>()
  /** What a page had when the copy was planned. */
  const pages: { readonly bytes: Uint8Array; readonly pageBytes: number }[] = []
  const lockings = new Set<{ readonly locking: Promise<void> | undefined }>()
  const lines = copies.map(({ range, page, mayCopyRest = false }): CacheLines => {
    const { row, pageBytes } = checkCacheCopy(range, page, (at) => caches.lendRow(at))
    const host = memory.lendHost({ ...page.page.span, byteLength: pageBytes }, 'a cache page')
    pages.push({ bytes: host.bytes, pageBytes })
    owners.add(row.owner)
    if (host.owner !== undefined) {
      owners.add(host.owner)
      lockings.add(host.owner)
    }
    const { spec } = range.cache
    const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
    const skipped = BigInt(range.position * positionBytes)
    return {
      heads: spec.kvHeads,
      width: range.count * positionBytes,
      rowPitch: spec.maxPositions * positionBytes,
      pagePitch: page.page.positions * positionBytes,
      keys: row.keys + skipped,
      values: row.values + skipped,
      rowRegion: row.owner,
      page: host.address + BigInt(page.position * positionBytes),
      pageRegion: host.region,
      mayCopyRest: mayCopyRest && range.position === 0 && page.position === 0,
    }
  })
  const rectangles = rectanglesOf(lines)
  return {
    label,
    sizeBytes: rectangles.reduce((sum, { width, height }) => sum + width * height, 0),
    isRun: false,
    owners: [...owners],
    blocker: () => {
      const waits = [...lockings].flatMap(({ locking }) => locking ?? [])
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
    },
    issue(stream) {
      if (pages.some(({ bytes, pageBytes }) => bytes.byteLength < pageBytes))
        throw new UsageError('a cache page was freed before a copy that uses it', {
          hint: 'pass the events of all operations that use a buffer to free()',
        })
      for (const { device, host, width, height } of rectangles) {
        if (label === 'copyToCache') copyRectangle(device, host, width, height, stream)
        else copyRectangle(host, device, width, height, stream)
      }
    },
  }
}
