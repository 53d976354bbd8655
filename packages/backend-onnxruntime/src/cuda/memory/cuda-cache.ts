import {
  type CacheBuffer,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type DType,
  dtypeBytes,
  type QueueEvent,
  UnsupportedDataError,
  UsageError,
} from '@flexgen/spec'
import { checkCacheSizes, checkSize, Owned, releaseAfter } from '@flexgen/backend-kit'
import type { MemoryLedger } from '../../memory/memory-ledger.ts'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import type { DeviceHeap } from './device-heap.ts'

/** Keys and values of one sequence, each `[kv heads, max positions, head dim]`. */
export interface CacheRowPlace {
  readonly owner: Owned
  readonly keys: bigint
  readonly values: bigint
}

/** KV rows on the device: their keys lie one behind the other, and so do their values. */
class CudaCache extends Owned implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
  readonly places: readonly CacheRowPlace[]

  constructor(spec: CacheSpec, rowCount: number, address: bigint, end: () => void) {
    super(end)
    this.spec = spec
    this.rowCount = rowCount
    const rowBytes = cachePageBytes(spec, spec.maxPositions)
    this.byteLength = rowCount * rowBytes
    this.places = Array.from({ length: rowCount }, (_, row) => ({
      owner: this,
      keys: address + BigInt((row * rowBytes) / 2),
      values: address + BigInt(((rowCount + row) * rowBytes) / 2),
    }))
  }
}

/** What caches are made with. */
export interface CudaCacheOptions {
  readonly driver: CudaDriver
  readonly heap: DeviceHeap
  /** For filling with zeros. */
  readonly stream: CudaHandle
  readonly ledger: MemoryLedger
  readonly dtypes: readonly DType[]
}

/**
 * Caches of one CUDA backend: each is an allocation of its own, so that what is freed is free. To give memory back stops the
 * device, though, and sequences come and go one by one: rows that were freed are kept for the next ones until somebody else
 * wants their memory.
 */
export class CudaCacheTable {
  readonly #options: CudaCacheOptions
  readonly #live = new Set<CudaCache>()
  /** Single rows that nobody uses, all of one size. */
  #kept: { readonly byteLength: number; readonly addresses: bigint[] } = { byteLength: 0, addresses: [] }

  constructor(options: CudaCacheOptions) {
    this.#options = options
  }

  /** Bytes of rows that are kept and nobody uses. */
  get keptBytes(): number {
    return this.#kept.byteLength * this.#kept.addresses.length
  }

  /** Gives back what is kept. @returns whether there was any */
  trim(): boolean {
    const addresses = this.#kept.addresses.splice(0)
    for (const address of addresses) this.#options.heap.free(address)
    return addresses.length > 0
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY`, or `UNSUPPORTED_DATA` for a dtype that is not declared */
  allocate(spec: CacheSpec, rowCount: number): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of cache rows', rowCount, 1)
    const sizeBytes = rowCount * cachePageBytes(spec, spec.maxPositions)
    const { heap, ledger } = this.#options
    // Taken before it is counted, so that no room is made for both.
    const kept = rowCount === 1 && this.#kept.byteLength === sizeBytes ? this.#kept.addresses.pop() : undefined
    const giveBack = (address: bigint): void => {
      if (rowCount === 1 && this.#mayKeep(sizeBytes)) this.#keep(address, sizeBytes)
      else heap.free(address)
    }
    try {
      ledger.take('device', sizeBytes, 'a cache')
    } catch (error) {
      if (kept !== undefined) giveBack(kept)
      throw error
    }
    try {
      const address = kept ?? heap.allocate(sizeBytes)
      this.#clear(address, sizeBytes)
      const cache: CudaCache = new CudaCache(spec, rowCount, address, () => {
        // Not counted twice for a moment: the peak would have it.
        if (this.#live.delete(cache)) ledger.giveAnnounced(sizeBytes)
        giveBack(address)
        if (this.#live.size === 0) this.trim()
      })
      this.#live.add(cache)
      return cache
    } catch (error) {
      ledger.give('device', sizeBytes)
      throw error
    }
  }

  /** Whether a buffer is a cache. */
  has(buffer: object): buffer is CacheBuffer {
    return buffer instanceof CudaCache
  }

  /** Frees a cache once the events have ended. */
  free(buffer: object, after: readonly QueueEvent[]): void {
    const cache = buffer as CudaCache
    cache.giveUp(() => undefined)
    this.#options.ledger.announce(cache.byteLength)
    releaseAfter(cache, after)
  }

  /** @throws {FlexgenError} `USAGE` for a freed or strange cache, or a row that it does not have */
  lendRow({ cache, row }: CacheRow): CacheRowPlace {
    if (!(cache instanceof CudaCache)) throw new UsageError('the cache belongs to another backend')
    cache.assertLive()
    if (!this.#live.has(cache)) throw new UsageError('the cache belongs to another backend')
    checkSize('a cache row', row)
    const place = cache.places[row]
    if (place === undefined) throw new UsageError(`there is no row ${row} in a cache of ${cache.rowCount} rows`)
    return place
  }

  close(): void {
    const live = [...this.#live]
    this.#live.clear()
    for (const cache of live) cache.end()
    this.trim()
  }

  #keep(address: bigint, byteLength: number): void {
    if (this.#kept.byteLength !== byteLength) {
      this.trim()
      this.#kept = { byteLength, addresses: [] }
    }
    this.#kept.addresses.push(address)
  }

  /** Without a limit ONNX Runtime may want memory in the midst of a run: it finds some. */
  #mayKeep(sizeBytes: number): boolean {
    const { heap, ledger } = this.#options
    if (ledger.isLimited) return ledger.hasRoom(sizeBytes)
    const { freeBytes, totalBytes } = heap.usage()
    return freeBytes >= totalBytes / 8
  }

  /** Fills new memory with zeros; gives it back where that fails. */
  #clear(address: bigint, sizeBytes: number): void {
    const { driver, heap, stream } = this.#options
    try {
      driver.call.memoryFill(address, 0, sizeBytes, stream)
      driver.call.streamSynchronize(stream)
    } catch (error) {
      heap.free(address)
      throw error
    }
  }

  #checkSpec(spec: CacheSpec): void {
    checkCacheSizes(spec)
    if (!this.#options.dtypes.includes(spec.dtype))
      throw new UnsupportedDataError(`ONNX Runtime on CUDA has no ${spec.dtype} caches here`, {
        hint: `it has ${this.#options.dtypes.join(', ')}`,
      })
    dtypeBytes(spec.dtype, spec.headDim)
  }
}
