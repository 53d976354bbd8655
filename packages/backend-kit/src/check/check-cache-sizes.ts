import type { CacheSpec } from '@flexgen/spec'
import { checkSize } from './check-size.ts'

/** @throws {FlexgenError} `USAGE` for a cache of no size */
export function checkCacheSizes({ kvHeads, headDim, maxPositions }: CacheSpec): void {
  checkSize('kvHeads of a cache', kvHeads, 1)
  checkSize('headDim of a cache', headDim, 1)
  checkSize('maxPositions of a cache', maxPositions, 1)
}
