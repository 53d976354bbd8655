/** What bounds how much is read in turn, so that speeds are those of memory. */
export interface MemoryRoom {
  /** Bytes of all last-level caches; 0 where nobody says. */
  readonly cacheBytes: number
  /** Bytes that are free in the memory that is read. */
  readonly freeBytes: number
}

/** Share of the free memory that is filled at most, and bytes that nobody waits longer for. */
const mostShare = 1 / 8
const mostBytes = 4 * 2 ** 30

/**
 * Bytes to read before anything is read again: as many as asked for and several times the caches, in a share of what is free.
 * @param cacheTimes how often the caches fit into it
 */
export function workingSetBytes({ cacheBytes, freeBytes }: MemoryRoom, leastBytes: number, cacheTimes: number): number {
  return Math.floor(Math.min(mostBytes, mostShare * freeBytes, Math.max(leastBytes, cacheTimes * cacheBytes)))
}
