import { type CacheRange, cachePageBytes, dtypeBytes, type PageRange, UsageError } from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { checkSize } from '@flexgen/backend-kit'
import type { LentBytes } from '../memory/memory-table.ts'

/** A copy between a cache row and a host page that has been checked. */
export interface CacheCopy {
  readonly sizeBytes: number
  readonly row: LentBytes
  readonly page: LentBytes
  /** Bytes of one head in the row and in the page. */
  readonly ranges: readonly CacheCopyRange[]
}

/** One run of bytes of a cache copy. */
export interface CacheCopyRange {
  readonly rowFrom: number
  readonly pageFrom: number
  readonly byteLength: number
}

/** @throws {FlexgenError} `USAGE` for positions outside the row or the page */
export function planCacheCopy(
  range: CacheRange,
  { page, position: pagePosition }: PageRange,
  { caches, memory }: Pick<KernelContext, 'caches' | 'memory'>,
): CacheCopy {
  const { position, count } = range
  checkSize('a position of a cache row', position)
  checkSize('a number of positions', count)
  checkSize('a position of a page', pagePosition)
  checkSize('the positions of a page', page.positions)
  const row = caches.lendRow(range)
  const { spec } = range.cache
  if (position + count > spec.maxPositions)
    throw new UsageError(`positions ${position} to ${position + count} are outside a row of ${spec.maxPositions}`)
  if (pagePosition + count > page.positions)
    throw new UsageError(`positions ${pagePosition} to ${pagePosition + count} are outside a page of ${page.positions}`)
  const pageBytes = cachePageBytes(spec, page.positions)
  if (page.span.byteLength < pageBytes)
    throw new UsageError(
      `a page of ${page.positions} positions has ${pageBytes} bytes, its span ${page.span.byteLength}`,
    )
  const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
  const byteLength = count * positionBytes
  const ranges = Array.from({ length: 2 * spec.kvHeads }, (_, lane) => ({
    rowFrom: (lane * spec.maxPositions + position) * positionBytes,
    pageFrom: (lane * page.positions + pagePosition) * positionBytes,
    byteLength,
  }))
  const lentPage = memory.lend({ ...page.span, byteLength: pageBytes }, 'a cache page')
  return { sizeBytes: ranges.length * byteLength, row, page: lentPage, ranges }
}
