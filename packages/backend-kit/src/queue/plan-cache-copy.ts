import { type CacheRange, dtypeBytes, type PageRange } from '@flexgen/spec'
import { checkCacheCopy } from './check-cache-copy.ts'
import type { RunMemory } from '../run/plan-run.ts'

/** A copy between a cache row and a host page that has been checked. */
export interface CacheCopy {
  readonly sizeBytes: number
  /** Calls back with the bytes in the row and in the page, once for every head of K and of V. */
  readonly each: (move: (row: Uint8Array, page: Uint8Array) => void) => void
}

/** @throws {FlexgenError} `USAGE` for positions outside the row or the page */
export function planCacheCopy(range: CacheRange, target: PageRange, memory: RunMemory): CacheCopy {
  const { position, count } = range
  const { spec } = range.cache
  const { row: lendRow, pageBytes } = checkCacheCopy(range, target, (at) => memory.caches.lendRow(at))
  const { page, position: pagePosition } = target
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
