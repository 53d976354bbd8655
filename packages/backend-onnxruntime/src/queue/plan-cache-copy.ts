import { type CacheRange, dtypeBytes, type PageRange } from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { checkCacheCopy } from '@flexgen/backend-kit'
import type { MappedBytes } from '@flexgen/backend-kit'

/** A copy between a cache row and a host page that has been checked. */
export interface CacheCopy {
  readonly sizeBytes: number
  readonly row: MappedBytes
  readonly page: MappedBytes
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
  target: PageRange,
  { caches, memory }: Pick<KernelContext, 'caches' | 'memory'>,
): CacheCopy {
  const { position, count } = range
  const { spec } = range.cache
  const { row, pageBytes } = checkCacheCopy(range, target, (at) => caches.lendRow(at))
  const { page, position: pagePosition } = target
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
