import { type CacheRange, cachePageBytes, dtypeBytes, type PageRange, UsageError } from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { checkSize } from '@flexgen/backend-kit'
import type { LentBytes } from '../memory/memory-table.ts'

/** How a copy between a cache row and a host page moves: a lane of bytes for each head of K and of V. */
export interface CacheCopy {
  readonly lanes: number
  readonly laneBytes: number
  /** First byte in the row, and bytes from lane to lane. */
  readonly rowFrom: number
  readonly rowStride: number
  readonly pageFrom: number
  readonly pageStride: number
}

/** @throws {FlexgenError} `USAGE` for positions outside the row or the page */
export function planCacheCopy(
  range: CacheRange,
  { page, position: pagePosition }: PageRange,
  { caches, memory }: Pick<KernelContext, 'caches' | 'memory'>,
): CacheCopy & { readonly row: LentBytes; readonly page: LentBytes } {
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
  const lentPage = memory.lend({ ...page.span, byteLength: pageBytes }, 'a cache page')
  return {
    lanes: 2 * spec.kvHeads,
    laneBytes: count * positionBytes,
    rowFrom: position * positionBytes,
    rowStride: spec.maxPositions * positionBytes,
    pageFrom: pagePosition * positionBytes,
    pageStride: page.positions * positionBytes,
    row,
    page: lentPage,
  }
}
