import { bytesOf, FlexgenError, spanOf, systemClock } from '@flexgen/spec'
import { statfs } from 'node:fs/promises'

/** A folder for scratch files, tried with the disk tier itself. */
export interface OffloadReport {
  readonly path: string
  readonly isWritable: boolean
  /** What is wrong with it, and what helps. */
  readonly problem?: string
  readonly hint?: string
  readonly freeBytes?: number
  /** Reads around the page cache. */
  readonly canReadDirectly: boolean
  /** The folder lies in RAM: what is put there is not out of memory. */
  readonly isInMemory: boolean
}

/** File system types of Linux that live in RAM: tmpfs and ramfs (statfs(2)). */
const memoryFileSystems = new Set([0x01021994, 0x858458f6])
const probeBytes = 2 ** 16

/** Writes and reads a little through the disk tier in the folder, which is made where it is missing. */
export async function examineOffloadDir(path: string): Promise<OffloadReport> {
  const { createDiskTier } = await import('@flexgen/storage')
  try {
    await using tier = await createDiskTier({ offloadDir: path, clock: systemClock, direct: true })
    const region = await tier.allocate(probeBytes)
    const queue = tier.createQueue('doctor')
    const buffer = { byteLength: probeBytes, bytes: new Uint8Array(probeBytes).fill(0x5a) }
    await queue.write(region, 0, spanOf(buffer)).whenDone()
    bytesOf(spanOf(buffer)).fill(0)
    await queue.read(spanOf(buffer), region, 0).whenDone()
    const { bavail, bsize, type } = await statfs(path)
    return {
      path,
      isWritable: buffer.bytes.every((byte) => byte === 0x5a),
      freeBytes: bavail * bsize,
      canReadDirectly: tier.notices.length === 0,
      isInMemory: memoryFileSystems.has(type),
      ...(tier.notices.length > 0 && { problem: tier.notices.join('; ') }),
    }
  } catch (error) {
    if (!FlexgenError.isInstance(error)) throw error
    const { message: problem, hint } = error
    return { path, isWritable: false, canReadDirectly: false, isInMemory: false, problem, hint }
  }
}
