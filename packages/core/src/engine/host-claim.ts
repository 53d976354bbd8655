import type { Backend, HostReserve } from '@flexgen/spec'
import type { RunPlan } from '../plan/run-plan.ts'
import type { MemoryLimits } from '../replacement/memory-budget.ts'

/**
 * What an engine lets its backend keep ready of host memory: all that its plan counts, so that what one block or run frees
 * is there for the next one, and ahead of the first run the KV of a block.
 */
export class HostClaim {
  readonly #reserve: HostReserve | undefined
  #plannedBytes: number
  #readyBytes: number
  #limitBytes: number | undefined

  /** Begins to make the KV of a block ready, which the plan knows where it was given a workload. */
  constructor(backend: Backend, { ram }: RunPlan, limits: MemoryLimits) {
    this.#plannedBytes = ram.total
    this.#readyBytes = ram.cache
    this.#limitBytes = limits.ram
    this.#reserve = backend.reserveHost?.(this.#need)
  }

  /** A run begins, which takes what it needs: none is made ahead any more, and what the largest run has held stays. */
  beginRun({ ram }: RunPlan): void {
    this.#plannedBytes = Math.max(this.#plannedBytes, ram.total)
    this.#readyBytes = 0
    this.#reserve?.resize(this.#need)
  }

  /** Keeps no more than a new limit lets the engine hold. */
  limit({ ram }: MemoryLimits): void {
    this.#limitBytes = ram
    this.#reserve?.resize(this.#need)
  }

  /** Lets everything go. */
  end(): void {
    this.#reserve?.[Symbol.dispose]()
  }

  get #need(): { totalBytes: number; readyBytes: number } {
    const totalBytes = Math.min(this.#plannedBytes, this.#limitBytes ?? Number.POSITIVE_INFINITY)
    return { totalBytes, readyBytes: this.#readyBytes }
  }
}
