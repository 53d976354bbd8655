import type { Backend, CacheBuffer, CacheRow, QueueEvent } from '@flexgen/spec'

/** A cache row that shares its buffer with others. */
export interface HeldRow extends CacheRow {
  readonly owner: SharedCache
}

/** A cache buffer that is freed with the last of its rows. */
interface SharedCache {
  readonly cache: CacheBuffer
  liveRows: number
  /** What freeing waits for. */
  readonly after: QueueEvent[]
}

/** The rows of a buffer, to be freed one by one. */
export function holdRows(cache: CacheBuffer): HeldRow[] {
  const owner: SharedCache = { cache, liveRows: cache.rowCount, after: [] }
  return Array.from({ length: cache.rowCount }, (_, row) => ({ cache, row, owner }))
}

/** Frees a row once the events have ended; the memory comes back with the last row of the buffer. */
export function freeRow(backend: Backend, { owner }: HeldRow, after: readonly QueueEvent[]): void {
  owner.after.push(...after)
  owner.liveRows -= 1
  if (owner.liveRows === 0) backend.free(owner.cache, ...owner.after)
}
