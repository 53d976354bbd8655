import { cachePageBytes } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import type { CacheMoves } from '../engine/cache-moves.ts'
import type { CacheStore } from '../engine/cache-store.ts'

/** The KV of a block as re-placement sees it. */
export interface BlockCache {
  readonly plan: BlockPlan
  readonly store: CacheStore
  readonly moves: CacheMoves
}

/** Memory that a row of a block takes. */
export function rowBytesOf({ plan: { cacheSpec } }: Pick<BlockCache, 'plan'>): number {
  return cachePageBytes(cacheSpec, cacheSpec.maxPositions)
}
