import { InfeasibleError } from '@flexgen/spec'
import type { EngineBudget } from './replacement-options.ts'

/** Limits of an engine's memory as they are now, in bytes; undefined where there is none. */
export interface MemoryLimits {
  readonly device: number | undefined
  readonly ram: number | undefined
}

interface Waiting {
  readonly budget: EngineBudget
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The limits of an engine, and changes of them that wait for the next moment at which things may move. */
export class MemoryBudget {
  #limits: MemoryLimits
  #waiting: Waiting[] = []
  readonly #onChange: ((limits: MemoryLimits) => void) | undefined

  /** @param onChange told of every change, before anything is freed for it */
  constructor(limits: MemoryLimits, onChange?: (limits: MemoryLimits) => void) {
    this.#limits = limits
    this.#onChange = onChange
  }

  get limits(): MemoryLimits {
    return this.#limits
  }

  get hasChange(): boolean {
    return this.#waiting.length > 0
  }

  /** Sets limits at once, where nothing runs. */
  set(budget: EngineBudget): void {
    this.#change(merged(this.#limits, budget))
  }

  /** Settles once a run that is under way holds the limits, or refuses to. */
  request(budget: EngineBudget): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ budget, resolve, reject }))
  }

  /**
   * Makes all changes that wait, in order.
   * @param hold frees what limits need that were others before; throws where it cannot, and then they stay what they were
   */
  async apply(hold: (limits: MemoryLimits, before: MemoryLimits) => Promise<void>): Promise<void> {
    for (const { budget, resolve, reject } of this.#waiting.splice(0)) {
      const before = this.#limits
      this.#change(merged(before, budget))
      try {
        await hold(this.#limits, before)
        resolve()
      } catch (error) {
        this.#change(before)
        reject(error)
        if (!(error instanceof InfeasibleError)) throw error
      }
    }
  }

  /** A run has ended: what still waits holds for the next. */
  endRun(): void {
    for (const { budget, resolve } of this.#waiting.splice(0)) {
      this.set(budget)
      resolve()
    }
  }

  #change(limits: MemoryLimits): void {
    this.#limits = limits
    this.#onChange?.(limits)
  }
}

/** A limit of a part of a byte is one of whole bytes. */
function merged(limits: MemoryLimits, { device, ram }: EngineBudget): MemoryLimits {
  const whole = (bytes: number | undefined): number | undefined => (bytes === undefined ? undefined : Math.floor(bytes))
  return { device: whole(device) ?? limits.device, ram: whole(ram) ?? limits.ram }
}
