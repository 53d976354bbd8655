import {
  type CacheBuffer,
  type CachePage,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type DeviceBuffer,
  type DType,
  type HostBuffer,
  type QueueEvent,
  type Span,
  UnsupportedDataError,
  UsageError,
} from '@flexgen/spec'
import { checkSize } from '@flexgen/backend-kit'
import type { MemoryLedger } from './memory-ledger.ts'
import { SimulatedMemory, VisibleMemory } from './simulated-memory.ts'

/** KV rows of own memory, or a view of host pages. */
export class SimulatedCache extends SimulatedMemory implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  /** A view frees nothing but itself. */
  readonly pages: readonly CachePage[] | undefined
  readonly #marks: Float64Array

  constructor(owner: object, spec: CacheSpec, rowCount: number, pages: readonly CachePage[] | undefined) {
    super(owner, 'device', rowCount * cachePageBytes(spec, spec.maxPositions))
    this.spec = spec
    this.rowCount = rowCount
    this.pages = pages
    this.#marks = new Float64Array(rowCount)
  }

  /** Puts a mark on a row; false where it has that mark already. */
  mark(row: number, mark: number): boolean {
    if (this.#marks[row] === mark) return false
    this.#marks[row] = mark
    return true
  }
}

/** All memory of one backend. */
export class MemoryTable {
  readonly #ledger: MemoryLedger
  readonly #hostVisible: boolean
  readonly #cacheDtypes: readonly DType[]
  readonly #live = new Set<SimulatedMemory>()
  #isOpen = true

  constructor(ledger: MemoryLedger, hostVisible: boolean, cacheDtypes: readonly DType[]) {
    this.#ledger = ledger
    this.#hostVisible = hostVisible
    this.#cacheDtypes = cacheDtypes
  }

  allocate(byteLength: number): DeviceBuffer {
    checkSize('a number of bytes', byteLength)
    this.#ledger.take('device', byteLength, 'a buffer')
    return this.#add(
      this.#hostVisible
        ? new VisibleMemory(this, 'device', byteLength)
        : new SimulatedMemory(this, 'device', byteLength),
    )
  }

  allocateHost(byteLength: number): HostBuffer {
    checkSize('a number of bytes', byteLength)
    this.#ledger.take('host', byteLength, 'a host buffer')
    return this.#add(new VisibleMemory(this, 'host', byteLength))
  }

  allocateCache(spec: CacheSpec, rows: number): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of cache rows', rows, 1)
    const cache = new SimulatedCache(this, spec, rows, undefined)
    this.#ledger.take('device', cache.byteLength, 'a cache')
    return this.#add(cache)
  }

  viewCache(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of pages', pages.length, 1)
    const rowBytes = cachePageBytes(spec, spec.maxPositions)
    for (const { span, positions } of pages) {
      this.check(span, 'host', 'a cache page')
      if (positions !== spec.maxPositions || span.byteLength < rowBytes) {
        throw new UsageError(`a page of ${positions} positions is no row of ${spec.maxPositions} positions`)
      }
    }
    return this.#add(new SimulatedCache(this, spec, pages.length, pages))
  }

  /** Frees memory once all events have ended, well or not. */
  free(buffer: DeviceBuffer | HostBuffer | CacheBuffer, after: readonly QueueEvent[]): void {
    const memory = this.#owned(buffer)
    if (memory === undefined) throw new UsageError('the buffer belongs to another allocator')
    memory.assertLive('the buffer')
    memory.isFreed = true
    const { use, byteLength } = memory
    if (memory instanceof SimulatedCache && memory.pages !== undefined) {
      this.#live.delete(memory)
      return
    }
    if (use === 'device') this.#ledger.announce(byteLength)
    let open = after.length + 1
    const settle = (): void => {
      if (--open > 0) return
      if (use === 'device') this.#ledger.announce(-byteLength)
      if (this.#live.delete(memory) && this.#isOpen) this.#ledger.give(use, byteLength)
    }
    for (const event of after) event.onSettled(settle)
    settle()
  }

  /**
   * Checks a span before it is used.
   * @param place `host`: memory that JavaScript sees; `device`: memory that kernels see
   */
  check({ buffer, byteOffset, byteLength }: Span, place: 'host' | 'device', what: string): void {
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength)) {
      throw new UsageError(
        `${what} is bytes ${byteOffset} to ${byteOffset + byteLength} of a buffer of ${buffer.byteLength} bytes`,
      )
    }
    if (buffer instanceof SimulatedMemory) {
      buffer.assertLive(what)
      // Host memory of another simulated backend is memory of the same host.
      const isVisible =
        this.#hostVisible || (buffer.use === 'device' && buffer.owner === this ? 'device' : 'host') === place
      if (isVisible && (buffer.use === 'host' || buffer.owner === this)) return
    } else if (buffer.bytes !== undefined && (this.#hostVisible || place === 'host')) {
      if (buffer.bytes.byteLength >= buffer.byteLength) return
      throw new UsageError(`${what} lies in a buffer that was freed`)
    }
    throw new UsageError(`${what} does not lie in ${place} memory of this backend`)
  }

  /** Checks a row of a cache, and positions of it. */
  checkRow({ cache, row }: CacheRow, position = 0, count = 0): SimulatedCache {
    if (!(cache instanceof SimulatedCache) || cache.owner !== this) {
      throw new UsageError('the cache belongs to another backend')
    }
    cache.assertLive('the cache')
    if (!(Number.isInteger(row) && row >= 0 && row < cache.rowCount)) {
      throw new UsageError(`there is no row ${row} in a cache of ${cache.rowCount} rows`)
    }
    if (!(position >= 0 && count >= 0 && position + count <= cache.spec.maxPositions)) {
      throw new UsageError(
        `positions ${position} to ${position + count} are not in a row of ${cache.spec.maxPositions} positions`,
      )
    }
    return cache
  }

  /** Ends all memory. */
  close(): void {
    this.#isOpen = false
    for (const memory of this.#live) memory.isFreed = true
    this.#live.clear()
  }

  #add<Memory extends SimulatedMemory>(memory: Memory): Memory {
    this.#live.add(memory)
    return memory
  }

  #owned(buffer: DeviceBuffer | HostBuffer | CacheBuffer): SimulatedMemory | undefined {
    return buffer instanceof SimulatedMemory && buffer.owner === this ? buffer : undefined
  }

  #checkSpec(spec: CacheSpec): void {
    checkSize('kvHeads of a cache', spec.kvHeads, 1)
    checkSize('headDim of a cache', spec.headDim, 1)
    checkSize('maxPositions of a cache', spec.maxPositions, 1)
    if (!this.#cacheDtypes.includes(spec.dtype)) {
      throw new UnsupportedDataError(`the simulated backend has no ${spec.dtype} caches`)
    }
  }
}
