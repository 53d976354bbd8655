import type { Region } from '@flexgen/spec'
import type { ReadRun } from './read-batches.ts'
import type { OwnedRegion } from './region-table.ts'

/** What a tier's queues need of their tier: the moving of bytes, one piece at a time. */
export interface ByteStore<Owned extends OwnedRegion> {
  /** Pieces that may be in flight at once in one queue. */
  readonly lanes: number
  /** Longest piece in bytes; at least a block. */
  readonly chunkBytes: number
  /** @throws {InternalError} for a region that is not alive, or a range outside it */
  check(region: Region, byteOffset: number, byteLength: number): Owned
  /** @throws {InternalError} once the tier was disposed */
  checkOpen(): void
  read(region: Owned, byteOffset: number, target: Uint8Array): void | Promise<void>
  /** Reads the runs of a batch at once; what fails ends once all of them have ended. */
  readRuns(region: Owned, runs: readonly ReadRun[]): void | Promise<void>
  write(region: Owned, byteOffset: number, source: Uint8Array): void | Promise<void>
  readFile(path: string, position: number, target: Uint8Array): Promise<void>
  /** As `readRuns`, of a file. */
  readFileRuns(path: string, runs: readonly ReadRun[]): Promise<void>
}
