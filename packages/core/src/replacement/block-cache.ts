import { cachePageBytes } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import type { CacheMoves } from '../engine/cache-moves.ts'
import type { CacheStore } from '../engine/cache-store.ts'

/** The KV of a block as re-placement sees it. */
export interface BlockCache {
  readonly plan: BlockPlan
  readonly store: CacheStore
  /** Present where KV may change its home. */
  readonly moves: CacheMoves | undefined
}

/** KV that may change its home. */
export interface MovableCache extends BlockCache {
  readonly moves: CacheMoves
}

/** Memory that a row of a block takes. */
export function rowBytesOf({ plan: { cacheSpec } }: Pick<BlockCache, 'plan'>): number {
  return cachePageBytes(cacheSpec, cacheSpec.maxPositions)
}

/** Whether KV of a block may change its home. */
export function isMovable(block: BlockCache | undefined): block is MovableCache {
  return block?.moves !== undefined
}
