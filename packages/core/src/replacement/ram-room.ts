import type { PlannedBytes } from '../engine/block-plan.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import type { BlockCache } from './block-cache.ts'
import type { MemoryLimits } from './memory-budget.ts'

/** The RAM beside a device with memory of its own: what the plan holds there, and KV wherever it has moved since. */
export class RamRoom {
  /** Bytes of all but KV. */
  readonly #fixedBytes: number
  #block: BlockCache | undefined

  /** @param cacheBytes KV of a block, as the run plans it */
  constructor(plan: RunPlan, cacheBytes: PlannedBytes) {
    this.#fixedBytes = plan.ram.total - cacheBytes.host
  }

  /** The KV of a block is there, or no more. */
  setBlock(block: BlockCache | undefined): void {
    this.#block = block
  }

  /** Bytes that the run may hold, all told. */
  get usedBytes(): number {
    return this.#fixedBytes + (this.#block?.store.units.heldBytes.ram ?? 0)
  }

  /** Bytes that are free under some limits; negative where too much is held, without end where there is none. */
  free({ ram = Number.POSITIVE_INFINITY }: MemoryLimits): number {
    return ram - this.usedBytes
  }
}
