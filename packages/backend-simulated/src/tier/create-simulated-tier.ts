import { AbortedError, type HostBuffer, type Tier } from '@flexgen/spec'
import { VisibleMemory } from '../memory/simulated-memory.ts'
import type { Operation } from '../time/operation.ts'
import { OperationQueue } from '../time/operation-queue.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import { RegionTable } from './region-table.ts'
import { SimulatedTierQueue, tierLabels, type TierPath } from './simulated-tier-queue.ts'

/** What a simulated tier is made from. */
export interface SimulatedTierOptions {
  readonly kind: 'ram' | 'disk'
  readonly time: VirtualTime
  readonly read: TierPath
  readonly write: TierPath
  /** Of every read and write. */
  readonly transferSeconds: number
  readonly limitBytes: number
  readonly vary: (seconds: number) => number
  /** Where the regions of a RAM tier come from and go. */
  readonly allocator?: {
    readonly allocateHost: (byteLength: number) => HostBuffer
    readonly freeHost: (buffer: HostBuffer) => void
  }
}

/** A tier of a simulated machine, and what the simulation changes of it. */
export interface SimulatedTier extends Tier {
  readonly notices: readonly string[]
  /** What all regions together may hold from now on; what is held already stays. */
  setLimit(limitBytes: number): void
}

/** Makes a tier that takes the time of a real one and does nothing else; bytes are counted, not kept. */
export function createSimulatedTier(options: SimulatedTierOptions): SimulatedTier {
  const { kind, time, read, write, transferSeconds, vary, allocator } = options
  const busy = new Set<OperationQueue>()
  const regions = new RegionTable({
    tierName: kind === 'ram' ? 'RAM' : 'disk',
    limitBytes: options.limitBytes,
    makeMemory: (byteLength) => {
      const memory = allocator?.allocateHost(byteLength)
      return memory instanceof VisibleMemory ? memory : undefined
    },
    giveMemory: (memory) => allocator?.freeHost(memory),
  })
  const moved = { read: 0, write: 0, 'read file': 0 }
  const onDone = ({ label, sizeBytes }: Operation): void => {
    if (label in moved) moved[label as keyof typeof moved] += sizeBytes
  }
  const context = { regions, read, write, transferSeconds }
  let disposed: Promise<void> | undefined
  const dispose = async (): Promise<void> => {
    regions.close()
    for (const queue of busy) queue.cancel(new AbortedError(`the ${kind} tier was disposed`))
    for (const queue of busy) await queue.idle()
    regions.clear()
  }
  return {
    specificationVersion: 'v1',
    name: kind,
    kind,
    notices: [],
    allocate: async (byteLength) => regions.allocate(byteLength),
    free: (region, ...after) => regions.free(region, after),
    ...(kind === 'ram' && { view: (region) => regions.check(region).memory! }),
    createQueue: (name, trace) =>
      new SimulatedTierQueue(new OperationQueue({ name, time, trace, busy, vary, onDone }), context),
    stats: () => ({
      heldBytes: regions.heldBytes,
      peakHeldBytes: regions.peakHeldBytes,
      regionBytesRead: moved[tierLabels.read],
      regionBytesWritten: moved[tierLabels.write],
      extentBytesRead: moved[tierLabels.readFile],
    }),
    setLimit: (limitBytes) => regions.setLimit(limitBytes),
    [Symbol.asyncDispose]: () => (disposed ??= dispose()),
  }
}
