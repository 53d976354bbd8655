import type { FileHandle, FileSystem } from '@flexgen/spec'
import { setTimeout } from 'node:timers/promises'

/**
 * A file system whose files give and take no more than `bytesPerSecond` together, as a slower disk would: every read and
 * write takes its turn on one link and settles when the link would be through with it, and never before the disk is.
 * What the disk does in the meantime is not slowed down, so the bandwidth is an upper bound that a faster disk reaches.
 */
export function throttleFileSystem(fileSystem: FileSystem, bytesPerSecond: number): FileSystem {
  let freeAtMs = Number.NEGATIVE_INFINITY
  const onLink = async (sizeBytes: number, work: () => Promise<number>): Promise<number> => {
    freeAtMs = Math.max(freeAtMs, performance.now()) + (sizeBytes * 1000) / bytesPerSecond
    const untilMs = freeAtMs
    const count = await work()
    // A timer that fires late delays this operation alone: the turns of the others do not move.
    const leftMs = untilMs - performance.now()
    if (leftMs > 0) await setTimeout(leftMs)
    return count
  }
  const throttle = (handle: FileHandle): FileHandle => ({
    read: (target, position) => onLink(target.byteLength, () => handle.read(target, position)),
    write: (source, position) => onLink(source.byteLength, () => handle.write(source, position)),
    sizeBytes: () => handle.sizeBytes(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  })
  return {
    open: async (path, mode) => throttle(await fileSystem.open(path, mode)),
    readFile: (path) => fileSystem.readFile(path),
    list: (path) => fileSystem.list(path),
    makeFolder: (path) => fileSystem.makeFolder(path),
    remove: (path) => fileSystem.remove(path),
    realPath: (path) => fileSystem.realPath(path),
    stat: (path) => fileSystem.stat(path),
  }
}
