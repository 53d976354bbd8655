import { type CacheRange, cachePageBytes, dtypeBytes, type PageRange, UsageError } from '@flexgen/spec'
import { checkSize } from '../check/check-size.ts'
import type { RunMemory } from '../run/plan-run.ts'

/** A copy between a cache row and a host page that has been checked. */
export interface CacheCopy {
  readonly sizeBytes: number
  /** Calls back with the bytes in the row and in the page, once for every head of K and of V. */
  readonly each: (move: (row: Uint8Array, page: Uint8Array) => void) => void
}

/** @throws {FlexgenError} `USAGE` for positions outside the row or the page */
export function planCacheCopy(
  range: CacheRange,
  { page, position: pagePosition }: PageRange,
  memory: RunMemory,
): CacheCopy {
  const { position, count } = range
  checkSize('a position of a cache row', position)
  checkSize('a number of positions', count)
  checkSize('a position of a page', pagePosition)
  const lendRow = memory.caches.lendRow(range)
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
  const lendPage = memory.table.lend({ ...page.span, byteLength: pageBytes }, 'host', 'a cache page')
  const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
  const lanes = 2 * spec.kvHeads
  return {
    sizeBytes: lanes * count * positionBytes,
    each: (move) => {
      const [inRow, inPage] = [lendRow(), lendPage()]
      for (let lane = 0; lane < lanes; lane++) {
        const rowFrom = (lane * spec.maxPositions + position) * positionBytes
        const pageFrom = (lane * page.positions + pagePosition) * positionBytes
        move(
          inRow.subarray(rowFrom, rowFrom + count * positionBytes),
          inPage.subarray(pageFrom, pageFrom + count * positionBytes),
        )
      }
    },
  }
}
