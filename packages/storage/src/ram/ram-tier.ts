import {
  bytesOf,
  type Clock,
  FlexgenError,
  type FileSystem,
  type HostBuffer,
  nodeFileSystem,
  OutOfMemoryError,
  type Region,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import { createFileReader } from '../file/file-reader.ts'
import type { ByteStore } from '../tier/byte-store.ts'
import { checkOption } from '../tier/check.ts'
import { createCounters } from '../tier/counters.ts'
import { partBytes } from '../tier/read-batches.ts'
import { type OwnedRegion, RegionTable } from '../tier/region-table.ts'
import { stopQueues } from '../tier/stop-queues.ts'
import { TransferQueue } from '../tier/transfer-queue.ts'
import { createTurnTaker, turnBytes } from './turn-taker.ts'

/** What a RAM tier is made from. */
export interface RamTierOptions {
  /** Where regions come from: `backend.allocateHost`. */
  readonly allocateHost: (byteLength: number) => HostBuffer
  /** Gives a region back: `backend.free`. */
  readonly freeHost: (buffer: HostBuffer) => void
  readonly clock: Clock
  /** Most bytes that all regions together may hold; no limit where absent. */
  readonly budgetBytes?: number
  /** For `readExtents`; the machine's by default. */
  readonly fileSystem?: FileSystem
}

/** A tier in host memory: its regions can be seen where they lie. */
export interface RamTier extends Tier {
  readonly kind: 'ram'
  /** @throws {InternalError} for a region that is not alive */
  view(region: Region): HostBuffer
}

interface RamRegion extends OwnedRegion {
  readonly buffer: HostBuffer
}

/**
 * Makes a RAM tier. Transfers are copies by this thread, in slices that leave the event loop its turns.
 * @throws {UsageError} for a budget that is no byte count
 */
export function createRamTier(options: RamTierOptions): RamTier {
  const { allocateHost, freeHost, clock, budgetBytes, fileSystem = nodeFileSystem } = options
  if (budgetBytes !== undefined) checkOption('budgetBytes', budgetBytes, 0, Number.MAX_SAFE_INTEGER)
  const counters = createCounters()
  const regions = new RegionTable<RamRegion>({
    tierName: 'RAM',
    counters,
    budgetBytes: budgetBytes ?? Number.POSITIVE_INFINITY,
    overBudget: (message) => new OutOfMemoryError(message),
    giveBack: (region) => freeHost(region.buffer),
  })
  const reader = createFileReader({ fileSystem, lanes: 1 })
  const takeTurn = createTurnTaker()
  const busy = new Set<TierQueue>()

  const store: ByteStore<RamRegion> = {
    lanes: 1,
    chunkBytes: turnBytes,
    check: (region, byteOffset, byteLength) => regions.check(region, byteOffset, byteLength),
    checkOpen: () => regions.checkOpen(),
    read: ({ buffer }, byteOffset, target) =>
      takeTurn(target.byteLength, () => {
        target.set(bytesOf(spanOf(buffer, byteOffset, target.byteLength)))
        counters.regionBytesRead += target.byteLength
      }),
    readRuns: ({ buffer }, runs) => {
      const sizeBytes = partBytes(runs)
      return takeTurn(sizeBytes, () => {
        for (const { position, target } of runs.flatMap((run) => run.parts))
          bytesOf(target).set(bytesOf(spanOf(buffer, position, target.byteLength)))
        counters.regionBytesRead += sizeBytes
      })
    },
    write: ({ buffer }, byteOffset, source) =>
      takeTurn(source.byteLength, () => {
        buffer.bytes.set(source, byteOffset)
        counters.regionBytesWritten += source.byteLength
      }),
    async readFile(path, position, target) {
      await reader.read(path, position, target)
      counters.extentBytesRead += target.byteLength
    },
    async readFileRuns(path, runs) {
      await reader.readRuns(path, 0, runs)
      counters.extentBytesRead += partBytes(runs)
    },
  }

  return {
    specificationVersion: 'v1',
    name: 'ram',
    kind: 'ram',
    async allocate(byteLength) {
      regions.reserve(byteLength)
      try {
        return regions.add({ byteLength, released: false, buffer: allocateHost(byteLength) })
      } catch (error) {
        regions.unreserve(byteLength)
        if (FlexgenError.isInstance(error)) throw error
        throw new OutOfMemoryError(`cannot allocate ${byteLength} bytes of RAM`, { cause: error })
      }
    },
    free: (region, ...after) => regions.free(region, after),
    view: (region) => regions.check(region).buffer,
    createQueue: (name, trace) => new TransferQueue({ name, clock, trace, store, busy }),
    stats: () => ({ ...counters }),
    async [Symbol.asyncDispose]() {
      regions.close()
      await stopQueues('RAM', busy)
      regions.clear()
      await reader[Symbol.asyncDispose]()
    },
  }
}
