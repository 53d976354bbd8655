import { type CacheCopy, cachePageBytes, type CacheSpec, type Queue, type QueueEvent } from '@flexgen/spec'

/**
 * What may be copied in vain so that a row is copied whole: a backend that copies several rows at once finds them side by side then. On an
 * H100 that saves 7 us of a row, in which 380 KB pass.
 */
const mostUnusedBytes = 256 * 1024

/** Copies of rows of one batch, which go to a queue together. */
export class RowCopies {
  readonly #queue: Queue
  readonly #direction: 'toCache' | 'fromCache'
  readonly #copies: CacheCopy[] = []

  constructor(queue: Queue, direction: 'toCache' | 'fromCache') {
    this.#queue = queue
    this.#direction = direction
  }

  /** Has another row copied; it must not be one that is there already. */
  add(copy: CacheCopy): void {
    this.#copies.push(copy)
  }

  /** Positions to copy where so many are wanted of the beginning of a row, and the rest of it may be overwritten. */
  countOf(spec: CacheSpec, positions: number): number {
    const unusedBytes = cachePageBytes(spec, spec.maxPositions) - cachePageBytes(spec, positions)
    return this.#queue.copyCacheRows !== undefined && unusedBytes <= mostUnusedBytes ? spec.maxPositions : positions
  }

  /** Queues them; gives the end of the last, or undefined where there are none. */
  queue(): QueueEvent | undefined {
    const copies = this.#copies.splice(0)
    if (copies.length === 0) return undefined
    if (this.#queue.copyCacheRows !== undefined) return this.#queue.copyCacheRows(this.#direction, copies)
    return copies
      .map(({ range, page }) =>
        this.#direction === 'toCache' ? this.#queue.copyToCache(range, page) : this.#queue.copyFromCache(page, range),
      )
      .at(-1)
  }
}
