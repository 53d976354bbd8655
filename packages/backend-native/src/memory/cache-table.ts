import {
  type CacheBuffer,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type DType,
  q4Group,
  type QueueEvent,
  UnsupportedDataError,
  UsageError,
} from '@flexgen/spec'
import { checkSize } from '@flexgen/backend-kit'
import type { LentBytes, MemoryTable } from './memory-table.ts'
import type { OwnedMemory } from './owned-memory.ts'

/** KV rows in the host form, of this backend's own memory or a view of host pages. */
class HostCache implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
  readonly rows: readonly LentBytes[]
  /** Memory that goes with the cache; undefined for a view. */
  readonly memory: OwnedMemory | undefined
  isLive = true

  constructor(spec: CacheSpec, rows: readonly LentBytes[], memory: OwnedMemory | undefined) {
    this.spec = spec
    this.rows = rows
    this.rowCount = rows.length
    this.byteLength = rows.length * cachePageBytes(spec, spec.maxPositions)
    this.memory = memory
  }
}

/** Caches of one backend. */
export class CacheTable {
  readonly #memory: MemoryTable
  readonly #dtypes: readonly DType[]

  /** @param dtypes those that caches may have */
  constructor(memory: MemoryTable, dtypes: readonly DType[]) {
    this.#memory = memory
    this.#dtypes = dtypes
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY`, or `UNSUPPORTED_DATA` for a dtype that is not declared */
  allocate(spec: CacheSpec, rowCount: number): CacheBuffer {
    checkSpec(spec, this.#dtypes)
    checkSize('a number of cache rows', rowCount, 1)
    const rowBytes = cachePageBytes(spec, spec.maxPositions)
    const owner = this.#memory.allocate('device', rowCount * rowBytes)
    const rows = Array.from({ length: rowCount }, (_, row) => ({
      bytes: owner.bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
      owner,
    }))
    return new HostCache(spec, rows, owner)
  }

  /** A cache whose rows are host pages, one a row. */
  view(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer {
    checkSpec(spec, this.#dtypes)
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
    return new HostCache(spec, rows, undefined)
  }

  /** Whether a buffer is a cache. */
  has(buffer: object): boolean {
    return buffer instanceof HostCache
  }

  /** Frees a cache once the events have ended; a view frees nothing but itself. */
  free(buffer: object, after: readonly QueueEvent[]): void {
    const cache = buffer as HostCache
    if (!cache.isLive) throw new UsageError('the cache was freed')
    if (cache.memory !== undefined) this.#memory.free(cache.memory, after)
    cache.isLive = false
  }

  /**
   * The bytes of a row, `[K or V, kv head, max positions, head dim]`.
   * @throws {FlexgenError} `USAGE` for a freed or strange cache, or a row that it does not have
   */
  lendRow({ cache, row }: CacheRow): LentBytes {
    if (!(cache instanceof HostCache)) throw new UsageError('the cache belongs to another backend')
    checkSize('a cache row', row)
    const lent = cache.rows[row]
    if (lent === undefined) throw new UsageError(`there is no row ${row} in a cache of ${cache.rowCount} rows`)
    if (!cache.isLive) throw new UsageError('the cache was freed')
    lent.owner?.assertLive()
    if (lent.bytes.byteLength === 0) throw new UsageError('a page of the cache was freed')
    return lent
  }
}

/** Groups of a head that the kernels take. */
const mostHeadGroups = 4

function checkSpec(spec: CacheSpec, dtypes: readonly DType[]): void {
  checkSize('kvHeads of a cache', spec.kvHeads, 1)
  checkSize('headDim of a cache', spec.headDim, 1)
  checkSize('maxPositions of a cache', spec.maxPositions, 1)
  if (!dtypes.includes(spec.dtype))
    throw new UnsupportedDataError(`the host kernels have no ${spec.dtype} caches`, {
      hint: `possible are ${dtypes.join(', ')}`,
    })
  if (spec.dtype === 'q4g64' && spec.headDim > mostHeadGroups * q4Group.values)
    throw new UnsupportedDataError(`heads of ${spec.headDim} are more than ${mostHeadGroups} groups of 4-bit values`)
}
