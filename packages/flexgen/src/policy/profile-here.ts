import type { HardwareProfile } from '@flexgen/planner'
import { type Backend, BackendUnavailableError, FlexgenError, systemClock } from '@flexgen/spec'
import { createDiskTier } from '@flexgen/storage'
import { availableParallelism, cpus } from 'node:os'
import { defaultOffloadDir } from '../engine/default-offload-dir.ts'
import { threadsBesideCard } from '../engine/threads-beside-card.ts'
import { createResourceStack } from '../engine/resource-stack.ts'
import { expandHome } from '../model/expand-home.ts'
import { backends as registry } from '../registry/backends.ts'
import { openBackend } from '../registry/open-backend.ts'
import { lastLevelCacheBytes } from './last-level-caches.ts'
import { roomOf } from './load-hardware.ts'

/** How this machine is measured. */
export interface ProfileHereOptions {
  readonly name?: string | undefined
  /**
   * Names of backends; all that work but the reference by default. The first is the default of runs; where one has memory
   * of its own it comes first, and the first host beside it is what attends on the host.
   */
  readonly backends?: readonly string[] | undefined
  readonly threads?: number | undefined
  readonly offloadDir?: string | undefined
  readonly onStep?: ((what: string, done: number, total: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Backends that nobody would plan for. */
const unmeasured: ReadonlySet<string> = new Set(['reference', 'tfjs', 'simulated'])

/**
 * Measures this machine: links, kernels of the backends that work here, and the disk of the offload directory.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where no backend works, what the disk fails with, `ABORTED`
 */
export async function profileHere(options: ProfileHereOptions = {}): Promise<HardwareProfile> {
  const { profileMachine } = await import('@flexgen/profiler')
  const offloadDir = expandHome(options.offloadDir ?? defaultOffloadDir())
  const owned = createResourceStack()
  try {
    const opened: Backend[] = []
    for (const name of options.backends ?? Object.keys(registry).filter((each) => !unmeasured.has(each))) {
      const backend = await openWhereWorks(name, options)
      if (backend !== undefined) opened.push(owned.use(backend))
    }
    if (opened.length === 0) throw new BackendUnavailableError('no backend that could be measured works here')
    const cards = opened.filter(({ device }) => !device.hostVisible)
    const found = opened.find(({ device }) => device.hostVisible)?.name ?? 'auto'
    const threads = options.threads ?? threadsBesideCard()
    // With the threads that it has in runs.
    const host = cards.length === 0 ? undefined : owned.use((await openBackend(found, { threads })).backend)
    return await profileMachine({
      name: options.name ?? 'this-machine',
      backends: cards.length > 0 ? cards : opened,
      host,
      createDisk: (direct) => createDiskTier({ offloadDir, clock: systemClock, direct }),
      machine: { cpuName: cpus()[0]?.model.trim() ?? 'unknown', cpuCores: availableParallelism() },
      capacity: await roomOf(offloadDir),
      cacheBytes: await lastLevelCacheBytes(),
      versions: { node: process.version },
      measuredAt: new Date(),
      onStep: options.onStep,
      signal: options.signal,
    })
  } finally {
    await owned[Symbol.asyncDispose]()
  }
}

/** A backend by its name; undefined where it does not work here, but for one that was asked for. */
async function openWhereWorks(name: string, options: ProfileHereOptions): Promise<Backend | undefined> {
  try {
    return (await openBackend(name, { threads: options.threads })).backend
  } catch (error) {
    if (options.backends === undefined && FlexgenError.isInstance(error)) return undefined
    throw error
  }
}
