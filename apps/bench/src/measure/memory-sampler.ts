import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import type { MemorySample } from './measurement.ts'
import { SampleList } from './sample-list.ts'

/** Watches what a backend holds. */
export interface MemorySampler extends Disposable {
  /** Takes a sample now, besides those by the clock. */
  sample(): void
  /** Tells the scratch that lies on disk. */
  setDiskBytes(bytes: number): void
  readonly samples: readonly MemorySample[]
}

/** Samples what a backend holds every 50 ms until disposed; `clock` says when. */
export function createMemorySampler(
  backend: Pick<Backend, 'memory'>,
  clock: Clock = systemClock,
  intervalMs = 50,
): MemorySampler {
  const list = new SampleList<MemorySample>()
  let diskBytes = 0
  const sample = (): void => {
    const memory = backend.memory()
    list.add({
      atMs: performance.timeOrigin + clock.now(),
      deviceBytes: memory.deviceBytes + memory.preparedBytes + memory.workspaceBytes,
      hostBytes: memory.hostBytes,
      diskBytes,
    })
  }
  sample()
  const timer = setInterval(sample, intervalMs).unref()
  return {
    sample,
    setDiskBytes: (bytes) => void (diskBytes = bytes),
    get samples() {
      return list.samples
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
