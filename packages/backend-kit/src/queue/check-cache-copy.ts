import { type CacheRange, cachePageBytes, type CacheRow, type PageRange, UsageError } from '@flexgen/spec'
import { checkSize } from '../check/check-size.ts'

/**
 * Checks a copy between a cache row and a host page.
 * @param lendRow checks the row by itself and gives what the copy needs of it
 * @returns that row, and the bytes of the page
 * @throws {FlexgenError} `USAGE` for positions outside the row or the page
 */
export function checkCacheCopy<Row>(
  range: CacheRange,
  { page, position: pagePosition }: PageRange,
  lendRow: (row: CacheRow) => Row,
): { readonly row: Row; readonly pageBytes: number } {
  const { position, count } = range
  checkSize('a position of a cache row', position)
  checkSize('a number of positions', count)
  checkSize('a position of a page', pagePosition)
  checkSize('the positions of a page', page.positions)
  const row = lendRow(range)
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
  return { row, pageBytes }
}
