import { type CacheCopy, dtypeBytes, type Span, UsageError, type HostBuffer } from '@flexgen/spec'
import { checkCacheCopy, type Owned } from '@flexgen/backend-kit'
import type { CudaContext } from '../cuda-context.ts'
import type { LentHost } from '../memory/cuda-memory-table.ts'
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
  context: CudaContext,
): Work {
  if (copies.length === 0) throw new UsageError(`${label} of no rows`)
  const owners = new Set<Owned>()
  const pages: LentPage[] = []
  let sizeBytes = 0
  const lines = copies.map(({ range, page }): CacheLines => {
    const { row, pageBytes } = checkCacheCopy(range, page, (at) => context.caches.lendRow(at))
    const host = lendPage({ ...page.page.span, byteLength: pageBytes }, context)
    pages.push({ host, pageBytes })
    owners.add(row.owner)
    if (host.owner !== undefined) owners.add(host.owner)
    const { spec } = range.cache
    const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
    sizeBytes += 2 * spec.kvHeads * range.count * positionBytes
    const skipped = BigInt(range.position * positionBytes)
    return {
      heads: spec.kvHeads,
      width: range.count * positionBytes,
      rowPitch: spec.maxPositions * positionBytes,
      pagePitch: page.page.positions * positionBytes,
      keys: row.keys + skipped,
      values: row.values + skipped,
      page: host.address + BigInt(page.position * positionBytes),
    }
  })
  const rectangles = rectanglesOf(lines)
  return {
    label,
    sizeBytes,
    isRun: false,
    owners: [...owners],
    blocker: () => {
      const lockings = pages.flatMap(({ host }) => host.owner?.locking ?? [])
      return lockings.length === 0 ? undefined : Promise.all(lockings).then(() => undefined)
    },
    issue(stream) {
      if (pages.some(({ host, pageBytes }) => host.bytes.byteLength < pageBytes))
        throw new UsageError('a cache page was freed before a copy that uses it', {
          hint: 'pass the events of all operations that use a buffer to free()',
        })
      for (const { device, host, width, height } of rectangles) {
        if (label === 'copyToCache') context.copyRectangle(device, host, width, height, stream)
        else context.copyRectangle(host, device, width, height, stream)
      }
    },
  }
}

interface LentPage {
  readonly host: LentHost
  readonly pageBytes: number
}

function lendPage(span: Span<HostBuffer>, { memory }: CudaContext): LentHost {
  return memory.lendHost(span, 'a cache page')
}
