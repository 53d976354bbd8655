import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  AbortedError,
  bytesOf,
  type FileHandle,
  type FileSystem,
  type HostBuffer,
  type QueueEvent,
  type Region,
  SettableEvent,
  type Span,
  StorageError,
  systemClock,
  TaskQueue,
  type Tier,
  UsageError,
} from '@flexgen/spec'

/** Ways in which a test breaks the toy on purpose. */
export type DiskDefect =
  | 'oneCallOnly'
  | 'swallowErrors'
  | 'rawErrors'
  | 'countFirst'
  | 'settleAsTheyCome'
  | 'settleOnCancel'
  | 'leaveOpen'

/** The smallest tier on a file that keeps the contract under faults, but for the defect. */
export async function createToyDiskTier(files: FileSystem, defect?: DiskDefect): Promise<Tier> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-toy-disk-'))
  const offsets = new Map<Region, number>()
  const stats = { heldBytes: 0, peakHeldBytes: 0, regionBytesRead: 0, regionBytesWritten: 0, extentBytesRead: 0 }
  let file: FileHandle | undefined
  let endBytes = 0

  const guard = async <Result>(code: 'READ_FAILED' | 'OUT_OF_DISK', work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work()
    } catch (cause) {
      throw defect === 'rawErrors' ? cause : new StorageError(code, 'the disk failed', { cause })
    }
  }
  const moveAll = async (bytes: Uint8Array, move: (rest: Uint8Array, at: number) => Promise<number>): Promise<void> => {
    for (let at = 0; at < bytes.byteLength;) {
      const count = await move(bytes.subarray(at), at).catch((error: unknown) => {
        if (defect !== 'swallowErrors') throw error
        return 0
      })
      at += count
      if (defect === 'oneCallOnly' || (defect === 'swallowErrors' && count === 0)) return
      if (count === 0) throw new StorageError('OUT_OF_DISK', 'no bytes move any more')
    }
  }
  const offsetOf = (region: Region, byteOffset: number, byteLength: number): number => {
    const offset = offsets.get(region)
    if (offset === undefined || byteOffset < 0 || byteOffset + byteLength > region.byteLength)
      throw new UsageError('outside of every region')
    return offset + byteOffset
  }
  const openOffload = async (): Promise<FileHandle> => {
    await files.makeFolder(path.join(folder, 'offload'))
    return (file ??= await files.open(path.join(folder, 'offload', 'regions'), 'create'))
  }

  const createQueue: Tier['createQueue'] = (name, trace) => {
    const tasks = new TaskQueue({ name, clock: systemClock, trace })
    const shadows: SettableEvent[] = []
    const push = (label: string, sizeBytes: number, run: () => Promise<void>): QueueEvent => {
      const lane = defect === 'settleAsTheyCome' ? new TaskQueue({ name, clock: systemClock }) : tasks
      const event = lane.push(label, sizeBytes, run)
      if (defect !== 'settleOnCancel') return event
      const shadow = new SettableEvent()
      shadows.push(shadow)
      event.onSettled((error) => (shadow.isDone() ? undefined : shadow.settle(systemClock.now(), error)))
      return shadow
    }
    return {
      name,
      read(target: Span<HostBuffer>, region, byteOffset) {
        const from = offsetOf(region, byteOffset, target.byteLength)
        const read = async (): Promise<void> => {
          await moveAll(bytesOf(target), (rest, at) => file!.read(rest, from + at))
          stats.regionBytesRead += target.byteLength
        }
        return push('read', target.byteLength, () => guard('READ_FAILED', read))
      },
      readRanges(target, ranges) {
        if (ranges.some((part) => part.targetOffset < 0 || part.targetOffset + part.byteLength > target.byteLength))
          throw new UsageError('outside the target')
        const froms = ranges.map(({ region, byteOffset, byteLength }) => offsetOf(region, byteOffset, byteLength))
        const read = async (): Promise<void> => {
          for (const [i, { targetOffset, byteLength }] of ranges.entries()) {
            const part = bytesOf(target).subarray(targetOffset, targetOffset + byteLength)
            await moveAll(part, (rest, at) => file!.read(rest, froms[i]! + at))
            stats.regionBytesRead += byteLength
          }
        }
        return push('read ranges', target.byteLength, () => guard('READ_FAILED', read))
      },
      write(region, byteOffset, source) {
        const from = offsetOf(region, byteOffset, source.byteLength)
        const write = async (): Promise<void> => {
          await moveAll(bytesOf(source), (rest, at) => file!.write(rest, from + at))
          stats.regionBytesWritten += source.byteLength
        }
        return push('write', source.byteLength, () => guard('OUT_OF_DISK', write))
      },
      readExtents(target, extents) {
        const read = async (): Promise<void> => {
          let done = 0
          for (const { path: name, byteOffset, byteLength } of extents) {
            const source = await files.open(name, 'read')
            try {
              const part = bytesOf(target).subarray(done, done + byteLength)
              await moveAll(part, (rest, at) => source.read(rest, byteOffset + at))
            } finally {
              await source.close()
            }
            done += byteLength
          }
          stats.extentBytesRead += done
        }
        return push('extents', target.byteLength, () => guard('READ_FAILED', read))
      },
      task: (label, sizeBytes, run) => push(label, sizeBytes, run),
      wait: (event) => tasks.wait(event),
      cancel: (reason) => {
        const error = reason ?? new AbortedError('cancelled')
        for (const shadow of shadows) if (!shadow.isDone()) shadow.settle(systemClock.now(), error)
        if (defect !== 'settleOnCancel') tasks.cancel(error)
      },
      idle: () => (defect === 'settleOnCancel' ? Promise.resolve() : tasks.idle()),
    }
  }

  return {
    specificationVersion: 'v1',
    name: 'toy disk',
    kind: 'disk',
    async allocate(byteLength) {
      if (defect === 'countFirst') stats.heldBytes += byteLength
      const region = { byteLength }
      await guard('OUT_OF_DISK', async () => {
        const opened = await openOffload()
        await opened.truncate(endBytes + byteLength)
        await opened.write(new Uint8Array(1), endBytes)
      })
      offsets.set(region, endBytes)
      endBytes += byteLength
      if (defect !== 'countFirst') stats.heldBytes += byteLength
      stats.peakHeldBytes = Math.max(stats.peakHeldBytes, stats.heldBytes)
      return region
    },
    free(region) {
      offsetOf(region, 0, 0)
      offsets.delete(region)
      stats.heldBytes -= region.byteLength
    },
    createQueue,
    stats: () => ({ ...stats }),
    async [Symbol.asyncDispose]() {
      if (defect !== 'leaveOpen') await file?.close()
      file = undefined
      offsets.clear()
      stats.heldBytes = 0
      await files.remove(folder)
    },
  }
}
