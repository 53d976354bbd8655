import { rowBlockMaxBytes } from '@flexgen/core'
import type { ReadWay } from '../hardware/hardware-profile.ts'
import type { EngineProblem } from './engine-problem.ts'

/** Ways in which a run may read its disk share, the fastest first. */
export function possibleReadWays({ problem, hardware }: EngineProblem): ReadWay[] {
  if (problem.directIo) return ['direct']
  return hardware.links.diskRead.cached === undefined ? ['buffered'] : ['cached', 'buffered']
}

/**
 * How a run reads its disk share. Sweeps read it from end to end, again and again: the page cache serves all of it where
 * it has room for all, and next to nothing where it has not, since what was read longest ago is dropped and needed next.
 */
export function readWay(engine: EngineProblem, diskBytes: number, ramBytes: number): ReadWay {
  const [fastest, otherwise] = possibleReadWays(engine)
  if (fastest !== 'cached' || otherwise === undefined) return fastest!
  const roomBytes = engine.problem.freeRamBytes - ramBytes
  return diskBytes + rowBlockMaxBytes / 2 <= roomBytes ? 'cached' : otherwise
}

/** Bytes a second of a way; the page cache is never slower than the disk behind it. */
export function readSpeed({ hardware }: EngineProblem, way: ReadWay): number {
  const { direct, buffered, cached } = hardware.links.diskRead
  if (way === 'direct') return direct.bytesPerSecond
  // Through the page cache a disk gives no more than past it, and a copy on top.
  return way === 'buffered' || cached === undefined
    ? buffered.bytesPerSecond
    : Math.max(cached.bytesPerSecond, buffered.bytesPerSecond)
}
