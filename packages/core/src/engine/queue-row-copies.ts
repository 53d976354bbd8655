import type { CacheCopy, Queue, QueueEvent } from '@flexgen/spec'

/** Queues copies of rows, as one operation where the queue can; gives the end of the last, or undefined where there are none. */
export function queueRowCopies(
  queue: Queue,
  direction: 'toCache' | 'fromCache',
  copies: readonly CacheCopy[],
): QueueEvent | undefined {
  if (copies.length === 0) return undefined
  if (queue.copyCacheRows !== undefined) return queue.copyCacheRows(direction, copies)
  return copies
    .map(({ range, page }) =>
      direction === 'toCache' ? queue.copyToCache(range, page) : queue.copyFromCache(page, range),
    )
    .at(-1)
}
