import { resolve } from 'node:path'
import { nodeFileSystem, StorageError, type Tier, type TierQueue } from '@flexgen/spec'
import { createFileReader } from '../file/file-reader.ts'
import { loadAddressOf } from '../file/load-address-of.ts'
import { createOffloadSpace } from '../offload/offload-space.ts'
import { removeLeftovers } from '../offload/remove-leftovers.ts'
import { nodeRoomFor } from '../offload/room-for.ts'
import type { ByteStore } from '../tier/byte-store.ts'
import { createCounters } from '../tier/counters.ts'
import { partBytes } from '../tier/read-batches.ts'
import { type OwnedRegion, RegionTable } from '../tier/region-table.ts'
import { stopQueues } from '../tier/stop-queues.ts'
import { TransferQueue } from '../tier/transfer-queue.ts'
import { checkDiskTierOptions, type DiskTierOptions } from './disk-tier-options.ts'

/** A tier on disk: reads checkpoints in place, keeps regions in an offload file of its own. */
export interface DiskTier extends Tier {
  readonly kind: 'disk'
  /** What users should know: where direct reads were refused, which left-overs could not be removed. */
  readonly notices: readonly string[]
  /** RAM held for direct reads and reads of many ranges, in bytes; at most lanes x (chunk + 8 KiB), rounded up to 64 KiB. */
  stagingBytes(): number
}

interface DiskRegion extends OwnedRegion {
  readonly fileOffset: number
}

/**
 * Makes a disk tier, after removing what crashed runs have left in the offload directory. Nothing is written before
 * the first allocation.
 * @throws {UsageError} for an option out of range
 * @throws {StorageError} where the offload directory is there but is no folder that can be read
 */
export async function createDiskTier(options: DiskTierOptions): Promise<DiskTier> {
  checkDiskTierOptions(options)
  const { clock, fileSystem = nodeFileSystem, lanes = 4, chunkBytes = 4 * 2 ** 20, roomFor = nodeRoomFor } = options
  const offloadDir = resolve(options.offloadDir)
  const notices = await removeLeftovers(fileSystem, offloadDir)
  const addressOf = options.addressOf ?? (options.direct ? await loadAddressOf() : undefined)
  const notice = (text: string): void => void notices.push(text)
  const reader = createFileReader({
    fileSystem,
    lanes,
    direct: options.direct ? { chunkBytes, notice, addressOf } : undefined,
  })
  const space = createOffloadSpace({ fileSystem, offloadDir, reader, roomFor })
  const counters = createCounters()
  const busy = new Set<TierQueue>()
  const regions = new RegionTable<DiskRegion>({
    tierName: 'disk',
    counters,
    budgetBytes: options.budgetBytes ?? Number.POSITIVE_INFINITY,
    overBudget: (message) => new StorageError('OUT_OF_DISK', message, { hint: 'raise the disk budget (--max-disk)' }),
    giveBack: (region) => space.give(region.fileOffset, region.byteLength),
  })

  const store: ByteStore<DiskRegion> = {
    lanes,
    chunkBytes,
    check: (region, byteOffset, byteLength) => regions.check(region, byteOffset, byteLength),
    checkOpen: () => regions.checkOpen(),
    async read({ fileOffset }, byteOffset, target) {
      await space.read(fileOffset + byteOffset, target)
      counters.regionBytesRead += target.byteLength
    },
    async readRuns({ fileOffset }, runs) {
      await space.readRuns(fileOffset, runs)
      counters.regionBytesRead += partBytes(runs)
    },
    async write({ fileOffset }, byteOffset, source) {
      await space.write(fileOffset + byteOffset, source)
      counters.regionBytesWritten += source.byteLength
    },
    async readFile(path, position, target) {
      await reader.read(path, position, target)
      counters.extentBytesRead += target.byteLength
    },
    async readFileRuns(path, runs) {
      await reader.readRuns(path, 0, runs)
      counters.extentBytesRead += partBytes(runs)
    },
  }

  const dispose = async (): Promise<void> => {
    regions.close()
    await stopQueues('disk', busy)
    regions.clear()
    try {
      await reader[Symbol.asyncDispose]()
    } finally {
      await space.remove()
    }
  }
  let disposed: Promise<void> | undefined

  return {
    specificationVersion: 'v1',
    name: 'disk',
    kind: 'disk',
    notices,
    stagingBytes: () => reader.stagingBytes,
    async allocate(byteLength) {
      regions.reserve(byteLength)
      try {
        const fileOffset = await space.take(byteLength)
        // The tier may have been disposed in the meantime.
        regions.checkOpen()
        return regions.add({ byteLength, released: false, fileOffset })
      } catch (error) {
        regions.unreserve(byteLength)
        throw error
      }
    },
    free: (region, ...after) => regions.free(region, after),
    createQueue: (name, trace) => new TransferQueue({ name, clock, trace, store, busy }),
    stats: () => ({ ...counters }),
    [Symbol.asyncDispose]: () => (disposed ??= dispose()),
  }
}
