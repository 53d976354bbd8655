import { type CacheBuffer, type CachePage, cachePageBytes, type CacheSpec, UsageError } from '@flexgen/spec'
import type { Allocation } from './allocation.ts'
import { checkSize } from '../check/check-size.ts'
import type { LentBytes } from './memory-table.ts'

/** Where the bytes of the rows of a cache lie; each row is in the host form with room for `maxPositions`. */
type RowBytes = (row: number) => LentBytes

/** KV rows, either of its own memory or a view of host pages. */
export class HostCache implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
  readonly #lendRow: RowBytes

  constructor(spec: CacheSpec, rowCount: number, lendRow: RowBytes) {
    this.spec = spec
    this.rowCount = rowCount
    this.byteLength = rowCount * cachePageBytes(spec, spec.maxPositions)
    this.#lendRow = lendRow
  }

  /** Checks a row now and gives its bytes, `[K or V, kv head, max positions, head dim]`, later. */
  lendRow(row: number): LentBytes {
    checkSize('a cache row', row)
    if (row >= this.rowCount) throw new UsageError(`there is no row ${row} in a cache of ${this.rowCount} rows`)
    return this.#lendRow(row)
  }
}

/** A cache whose rows lie one behind the other in its own memory. */
export function cacheOf(spec: CacheSpec, rowCount: number, allocation: Allocation): HostCache {
  const rowBytes = cachePageBytes(spec, spec.maxPositions)
  return new HostCache(spec, rowCount, (row) => {
    allocation.assertLive()
    return () => allocation.bytes.subarray(row * rowBytes, (row + 1) * rowBytes)
  })
}

/** A cache whose rows are host pages, one a row; `lend` checks a page and gives its bytes. */
export function viewOf(spec: CacheSpec, pages: readonly CachePage[], lend: (page: CachePage) => LentBytes): HostCache {
  const rowBytes = cachePageBytes(spec, spec.maxPositions)
  const lendPage = (page: CachePage): LentBytes => {
    if (page.positions !== spec.maxPositions || page.span.byteLength < rowBytes)
      throw new UsageError(`a page of ${page.positions} positions is no row of ${spec.maxPositions} positions`)
    const bytes = lend(page)
    if (bytes().byteOffset % 4 !== 0) throw new UsageError('pages that are viewed must start at a multiple of 4 bytes')
    return () => bytes().subarray(0, rowBytes)
  }
  for (const page of pages) lendPage(page)
  return new HostCache(spec, pages.length, (row) => lendPage(pages[row]!))
}
