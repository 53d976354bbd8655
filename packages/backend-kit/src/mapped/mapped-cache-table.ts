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
import type { MappedBytes, MappedMemoryTable } from './mapped-memory-table.ts'
import type { OwnedMemory } from './owned-memory.ts'

/** KV rows in the host form, of this backend's own memory or a view of host pages. */
class MappedCache implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
  readonly rows: readonly MappedBytes[]
  /** Memory that goes with the cache; undefined for a view. */
  readonly memory: OwnedMemory | undefined
  isLive = true

  constructor(spec: CacheSpec, rows: readonly MappedBytes[], memory: OwnedMemory | undefined) {
    this.spec = spec
    this.rows = rows
    this.rowCount = rows.length
    this.byteLength = rows.length * cachePageBytes(spec, spec.maxPositions)
    this.memory = memory
  }
}

/** What caches of a backend may be. */
export interface MappedCacheRules {
  readonly dtypes: readonly DType[]
  /** Whose caches they are, for messages, such as `the native backend`. */
  readonly owner: string
  /** Largest head dim by dtype; none for those that have no entry. */
  readonly mostHeadDim?: Readonly<Partial<Record<DType, number>>>
}

/** Caches of one backend. */
export class MappedCacheTable {
  readonly #memory: MappedMemoryTable
  readonly #dtypes: readonly DType[]
  readonly #owner: string
  readonly #mostHeadDim: MappedCacheRules['mostHeadDim']

  constructor(memory: MappedMemoryTable, { dtypes, owner, mostHeadDim }: MappedCacheRules) {
    this.#memory = memory
    this.#dtypes = dtypes
    this.#owner = owner
    this.#mostHeadDim = mostHeadDim
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY`, or `UNSUPPORTED_DATA` for a dtype that is not declared */
  allocate(spec: CacheSpec, rowCount: number): CacheBuffer {
    this.#check(spec)
    checkSize('a number of cache rows', rowCount, 1)
    const rowBytes = cachePageBytes(spec, spec.maxPositions)
    const owner = this.#memory.allocate('device', rowCount * rowBytes)
    const rows = Array.from({ length: rowCount }, (_, row) => ({
      bytes: owner.bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
      owner,
    }))
    return new MappedCache(spec, rows, owner)
  }

  /** A cache whose rows are host pages, one a row. */
  view(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer {
    this.#check(spec)
    checkSize('a number of pages', pages.length, 1)
    const rowBytes = cachePageBytes(spec, spec.maxPositions)
    const rows = pages.map(({ span, positions }) => {
      if (positions !== spec.maxPositions || span.byteLength < rowBytes)
        throw new UsageError(`a page of ${positions} positions is no row of ${spec.maxPositions} positions`)
      const lent = this.#memory.lend({ ...span, byteLength: rowBytes }, 'a cache page')
      if (lent.bytes.byteOffset % 4 !== 0)
        throw new UsageError('pages that are viewed must start at a multiple of 4 bytes')
      return lent
    })
    return new MappedCache(spec, rows, undefined)
  }

  /** Whether a buffer is a cache. */
  has(buffer: object): buffer is CacheBuffer {
    return buffer instanceof MappedCache
  }

  /** Frees a cache once the events have ended; a view frees nothing but itself. */
  free(buffer: object, after: readonly QueueEvent[]): void {
    const cache = buffer as MappedCache
    if (!cache.isLive) throw new UsageError('the cache was freed')
    if (cache.memory !== undefined) this.#memory.free(cache.memory, after)
    cache.isLive = false
  }

  /**
   * The bytes of a row, `[K or V, kv head, max positions, head dim]`.
   * @throws {FlexgenError} `USAGE` for a freed or strange cache, or a row that it does not have
   */
  lendRow({ cache, row }: CacheRow): MappedBytes {
    if (!(cache instanceof MappedCache)) throw new UsageError('the cache belongs to another backend')
    checkSize('a cache row', row)
    const lent = cache.rows[row]
    if (lent === undefined) throw new UsageError(`there is no row ${row} in a cache of ${cache.rowCount} rows`)
    if (!cache.isLive) throw new UsageError('the cache was freed')
    lent.owner?.assertLive()
    if (lent.bytes.byteLength === 0) throw new UsageError('a page of the cache was freed')
    return lent
  }

  #check(spec: CacheSpec): void {
    checkCacheSizes(spec)
    const { dtype, headDim } = spec
    if (!this.#dtypes.includes(dtype))
      throw new UnsupportedDataError(`${this.#owner} has no ${dtype} caches`, {
        hint: `possible are ${this.#dtypes.join(', ')}`,
      })
    const mostHeadDim = this.#mostHeadDim?.[dtype] ?? Number.POSITIVE_INFINITY
    if (headDim > mostHeadDim)
      throw new UnsupportedDataError(
        `${this.#owner} has no ${dtype} caches for heads of ${headDim} values, ${mostHeadDim} at most`,
      )
  }
}
