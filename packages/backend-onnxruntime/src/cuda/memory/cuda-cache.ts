import {
  type CacheBuffer,
  cachePageBytes,
  type CacheRow,
  type CacheSpec,
  type DType,
  dtypeBytes,
  FlexgenError,
  type QueueEvent,
  UnsupportedDataError,
  UsageError,
} from '@flexgen/spec'
import { checkCacheSizes, checkSize, Owned, releaseAfter } from '@flexgen/backend-kit'
import type { MemoryLedger } from '../../memory/memory-ledger.ts'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { allocateDevice } from './cuda-memory-table.ts'

/** Keys and values of one sequence, each `[kv heads, max positions, head dim]`. */
export interface CacheRowPlace {
  readonly owner: Owned
  readonly keys: bigint
  readonly values: bigint
}

/** KV rows on the device: of neighbours in one slab the keys lie one behind the other, and so do the values. */
class CudaCache extends Owned implements CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
  readonly places: readonly CacheRowPlace[]

  constructor(spec: CacheSpec, rowCount: number, slab: Slab, firstRow: number, end: () => void) {
    super(end)
    this.spec = spec
    this.rowCount = rowCount
    this.byteLength = rowCount * cachePageBytes(spec, spec.maxPositions)
    const { address, rowCapacity, halfBytes } = slab
    this.places = Array.from({ length: rowCount }, (_, i) => ({
      owner: this,
      keys: address + BigInt((firstRow + i) * halfBytes),
      values: address + BigInt((rowCapacity + firstRow + i) * halfBytes),
    }))
  }
}

interface Slab {
  readonly address: bigint
  readonly rowCapacity: number
  /** Bytes of the keys of a row. */
  readonly halfBytes: number
  /** Rows in use. */
  readonly used: boolean[]
  usedCount: number
}

/** Rows of the first and of the largest slab; sequences come one by one, and should lie together. */
const slabRows = { first: 32, most: 256 } as const
const mostSlabBytes = 2 ** 30

/** Caches of one CUDA backend. */
export class CudaCacheTable {
  readonly #driver: CudaDriver
  readonly #stream: CudaHandle
  readonly #ledger: MemoryLedger
  readonly #dtypes: readonly DType[]
  readonly #slabs = new Map<string, Slab[]>()
  readonly #live = new Set<CudaCache>()
  #unusedBytes = 0

  /** @param stream for filling with zeros */
  constructor(driver: CudaDriver, stream: CudaHandle, ledger: MemoryLedger, dtypes: readonly DType[]) {
    this.#driver = driver
    this.#stream = stream
    this.#ledger = ledger
    this.#dtypes = dtypes
  }

  /** Bytes of slabs in which no row lies. */
  get unusedBytes(): number {
    return this.#unusedBytes
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY`, or `UNSUPPORTED_DATA` for a dtype that is not declared */
  allocate(spec: CacheSpec, rowCount: number): CacheBuffer {
    this.#checkSpec(spec)
    checkSize('a number of cache rows', rowCount, 1)
    const sizeBytes = rowCount * cachePageBytes(spec, spec.maxPositions)
    this.#ledger.take('device', sizeBytes, 'a cache')
    try {
      const [slab, row] = rowCount === 1 ? this.#takeRow(spec) : [this.#addSlab(spec, rowCount), 0]
      const cache = this.#fill(spec, slab, row, rowCount)
      this.#live.add(cache)
      return cache
    } catch (error) {
      this.#ledger.give('device', sizeBytes)
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
    cache.giveUp(() => {
      if (this.#live.delete(cache)) this.#ledger.giveAnnounced(cache.byteLength)
    })
    this.#ledger.announce(cache.byteLength)
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
    for (const cache of this.#live) cache.end()
    this.#live.clear()
  }

  #takeRow(spec: CacheSpec): [slab: Slab, row: number] {
    const key = `${spec.dtype} ${spec.kvHeads} ${spec.headDim} ${spec.maxPositions}`
    const slabs = this.#slabs.get(key) ?? []
    this.#slabs.set(key, slabs)
    let slab = slabs.find(({ usedCount, rowCapacity }) => usedCount < rowCapacity)
    if (slab === undefined) {
      const rowBytes = cachePageBytes(spec, spec.maxPositions)
      const most = Math.min(slabRows.most, slabRows.first * 2 ** slabs.length, Math.floor(mostSlabBytes / rowBytes))
      // Whole batches of usual sizes.
      const wanted = most < slabRows.first ? most : most - (most % slabRows.first)
      // Under a limit nothing is taken that nobody has asked for.
      slab = this.#ledger.isLimited ? this.#addSlab(spec, 1) : this.#addLargestSlab(spec, Math.max(wanted, 1))
      slabs.push(slab)
    }
    return [slab, slab.used.indexOf(false)]
  }

  /** A slab of so many rows, or of as many as the device has room for. */
  #addLargestSlab(spec: CacheSpec, rows: number): Slab {
    try {
      return this.#addSlab(spec, rows)
    } catch (error) {
      if (rows === 1 || !FlexgenError.isInstance(error) || error.code !== 'OUT_OF_MEMORY') throw error
      return this.#addLargestSlab(spec, Math.floor(rows / 2))
    }
  }

  #addSlab(spec: CacheSpec, rowCapacity: number): Slab {
    const halfBytes = cachePageBytes(spec, spec.maxPositions) / 2
    const address = allocateDevice(this.#driver, 2 * rowCapacity * halfBytes)
    this.#unusedBytes += 2 * rowCapacity * halfBytes
    return {
      address,
      rowCapacity,
      halfBytes,
      used: Array.from({ length: rowCapacity }, () => false),
      usedCount: 0,
    }
  }

  #fill(spec: CacheSpec, slab: Slab, firstRow: number, rowCount: number): CudaCache {
    const { call } = this.#driver
    const bytes = 2 * rowCount * slab.halfBytes
    slab.used.fill(true, firstRow, firstRow + rowCount)
    slab.usedCount += rowCount
    this.#unusedBytes -= bytes
    const cache = new CudaCache(spec, rowCount, slab, firstRow, () => {
      slab.used.fill(false, firstRow, firstRow + rowCount)
      slab.usedCount -= rowCount
      this.#unusedBytes += bytes
      if (slab.usedCount === 0) this.#dropSlab(slab)
    })
    try {
      const { keys, values } = cache.places[0]!
      for (const start of [keys, values]) call.memoryFill(start, 0, rowCount * slab.halfBytes, this.#stream)
      call.streamSynchronize(this.#stream)
      return cache
    } catch (error) {
      cache.end()
      throw error
    }
  }

  #dropSlab(slab: Slab): void {
    for (const slabs of this.#slabs.values()) {
      const index = slabs.indexOf(slab)
      if (index >= 0) slabs.splice(index, 1)
    }
    this.#unusedBytes -= 2 * slab.rowCapacity * slab.halfBytes
    this.#driver.call.memoryFree(slab.address)
  }

  #checkSpec(spec: CacheSpec): void {
    checkCacheSizes(spec)
    if (!this.#dtypes.includes(spec.dtype))
      throw new UnsupportedDataError(`ONNX Runtime on CUDA has no ${spec.dtype} caches here`, {
        hint: `it has ${this.#dtypes.join(', ')}`,
      })
    dtypeBytes(spec.dtype, spec.headDim)
  }
}
