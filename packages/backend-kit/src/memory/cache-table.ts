import {
  type CacheBuffer,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type DType,
  type QueueEvent,
  UnsupportedDataError,
  UsageError,
} from '@flexgen/spec'
import { checkCacheSizes } from '../check/check-cache-sizes.ts'
import { checkSize } from '../check/check-size.ts'
import type { LentBytes, MemoryTable } from './memory-table.ts'
import { cacheOf, HostCache, viewOf } from './host-cache.ts'

/** The caches of one backend: own memory and views of host pages. */
export class CacheTable {
  readonly #memory: MemoryTable
  readonly #dtypes: readonly DType[]
  readonly #owner: string
  readonly #live = new Map<CacheBuffer, 'own' | 'view'>()

  /** @param owner whose caches they are, for messages, such as `the reference backend` */
  constructor(memory: MemoryTable, dtypes: readonly DType[], owner: string) {
    this.#memory = memory
    this.#dtypes = dtypes
    this.#owner = owner
  }

  has(buffer: object): buffer is CacheBuffer {
    return buffer instanceof HostCache
  }

  allocate(spec: CacheSpec, rows: number): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of cache rows', rows, 1)
    const byteLength = rows * cachePageBytes(spec, spec.maxPositions)
    const cache = this.#memory.allocateAs('device', byteLength, (allocation) => cacheOf(spec, rows, allocation))
    this.#live.set(cache, 'own')
    return cache
  }

  view(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of pages', pages.length, 1)
    const cache = viewOf(spec, pages, ({ span }) => this.#memory.lend(span, 'host', 'a cache page'))
    this.#live.set(cache, 'view')
    return cache
  }

  free(cache: CacheBuffer, after: readonly QueueEvent[]): void {
    const kind = this.#live.get(cache)
    if (kind === undefined) throw strange()
    this.#live.delete(cache)
    if (kind === 'own') this.#memory.free(cache, after)
  }

  /** Checks a row now and gives its bytes, `[K or V, kv head, max positions, head dim]`, later. */
  lendRow({ cache, row }: CacheRow): LentBytes {
    if (!(cache instanceof HostCache) || !this.#live.has(cache)) throw strange()
    return cache.lendRow(row)
  }

  #checkSpec(spec: CacheSpec): void {
    checkCacheSizes(spec)
    if (!this.#dtypes.includes(spec.dtype))
      throw new UnsupportedDataError(`${this.#owner} has no ${spec.dtype} caches`, { hint: 'use float32' })
  }
}

function strange(): UsageError {
  return new UsageError('the cache was freed or belongs to another backend')
}
