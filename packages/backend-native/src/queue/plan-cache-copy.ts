import { type CacheRange, dtypeBytes, type PageRange } from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { checkCacheCopy } from '@flexgen/backend-kit'
import type { MappedBytes } from '@flexgen/backend-kit'

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
  target: PageRange,
  { caches, memory }: Pick<KernelContext, 'caches' | 'memory'>,
): CacheCopy & { readonly row: MappedBytes; readonly page: MappedBytes } {
  const { position, count } = range
  const { spec } = range.cache
  const { row, pageBytes } = checkCacheCopy(range, target, (at) => caches.lendRow(at))
  const { page, position: pagePosition } = target
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
