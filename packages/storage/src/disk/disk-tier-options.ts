import type { Clock, FileSystem } from '@flexgen/spec'
import { UsageError } from '@flexgen/spec'
import type { AddressOf } from '../file/load-address-of.ts'
import type { RoomFor } from '../offload/room-for.ts'
import { checkOption } from '../tier/check.ts'

/** What a disk tier is made from. */
export interface DiskTierOptions {
  /** Where the run makes its subfolder; several runs may share it. */
  readonly offloadDir: string
  readonly clock: Clock
  /** The machine's by default. */
  readonly fileSystem?: FileSystem
  /** Most bytes that all regions together may hold; no limit where absent. */
  readonly budgetBytes?: number
  /** Reads or writes of one queue that are in flight at once, 1 to 64. Default 4, the threads that Node reads with. */
  readonly lanes?: number
  /** Longest single read or write, 1 to 16 MiB. Default 4 MiB. */
  readonly chunkBytes?: number
  /** Whether to read around the page cache where the system can; default false. */
  readonly direct?: boolean
  /** Tells addresses of host buffers, for direct reads; the package koffi by default, where it is installed. */
  readonly addressOf?: AddressOf
  /** Tells how large a file may become; asks the machine by default. */
  readonly roomFor?: RoomFor
}

const mebibyte = 2 ** 20

/** Checks the options before anything is done. @throws {UsageError} naming the option */
export function checkDiskTierOptions({ offloadDir, budgetBytes, lanes, chunkBytes }: DiskTierOptions): void {
  if (offloadDir === '') throw new UsageError('offloadDir must name a folder')
  if (budgetBytes !== undefined) checkOption('budgetBytes', budgetBytes, 0, Number.MAX_SAFE_INTEGER)
  if (lanes !== undefined) checkOption('lanes', lanes, 1, 64)
  if (chunkBytes !== undefined) checkOption('chunkBytes', chunkBytes, mebibyte, 16 * mebibyte)
}
