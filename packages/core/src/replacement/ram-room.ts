import type { PlannedBytes } from '../engine/block-plan.ts'
import type { RestingWeights } from '../engine/resting-weights.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { BlockCache } from './block-cache.ts'
import type { MemoryLimits } from './memory-budget.ts'
import type { PinChoice } from './pin-choice.ts'

/**
 * The RAM beside a device with memory of its own: what the plan holds there, KV wherever it has moved since, and the copies of
 * weights, which leave where the device has them pinned and files hold them, too.
 */
export class RamRoom {
  readonly #resting: RestingWeights
  readonly #pins: PinChoice
  readonly #onLeft: (sizeBytes: number) => void
  /** Bytes of all but KV, with every copy of weights there. */
  readonly #fixedBytes: number
  #block: BlockCache | undefined

  /**
   * @param cacheBytes KV of a block, as the run plans it
   * @param onLeft told how many bytes of copies have left
   */
  constructor(
    plan: RunPlan,
    cacheBytes: PlannedBytes,
    resting: RestingWeights,
    pins: PinChoice,
    onLeft: (sizeBytes: number) => void,
  ) {
    this.#onLeft = onLeft
    this.#resting = resting
    this.#pins = pins
    this.#fixedBytes = plan.ram.total - cacheBytes.host + resting.missingBytes
  }

  /** The KV of a block is there, or no more. */
  setBlock(block: BlockCache | undefined): void {
    this.#block = block
  }

  /** Bytes that the run may hold, all told. */
  get usedBytes(): number {
    return this.#fixedBytes - this.#resting.missingBytes + (this.#block?.store.units.heldBytes.ram ?? 0)
  }

  /** Bytes that are free under some limits; negative where too much is held, without end where there is none. */
  free({ ram = Number.POSITIVE_INFINITY }: MemoryLimits): number {
    return ram - this.usedBytes
  }

  /** Bytes of copies that nobody reads, because the device has them pinned, and that files hold as well. */
  get idleBytes(): number {
    const idle = this.#idle
    const [first] = idle
    return this.#sum(idle) - (first === undefined ? 0 : this.#resting.passageBytes(first))
  }

  /** Bytes of copies behind pins that no file holds: they stay. */
  get boundBytes(): number {
    return this.#sum(this.#pins.there.filter((unit) => !this.#resting.mayLeave(unit)))
  }

  /** Bytes of copies that have left RAM. */
  get missingBytes(): number {
    return this.#resting.missingBytes
  }

  /** Drops copies that nobody reads until at least so many bytes are free that were not, or none is left. */
  dropIdle(leastBytes: number): void {
    let freed = 0
    if (leastBytes <= 0 || this.idleBytes === 0) return
    for (const unit of this.#idle) {
      if (freed >= leastBytes) break
      freed += this.#resting.leave(unit)
    }
    this.#onLeft(freed)
  }

  /**
   * Has matrices that stream from files come back, as far as there is room: RAM keeps them from their next pass on.
   * @throws {FlexgenError} `OUT_OF_MEMORY`; what came back until then stays
   */
  takeBack(limits: MemoryLimits): void {
    for (const unit of this.#pins.streamed) {
      if (this.#resting.isMissing(unit) && unit.sizeBytes <= this.free(limits)) this.#resting.comeBack(unit)
    }
  }

  /** Those that leave first first: what the device keeps longest, and before them the smallest where one becomes the passage of the others. */
  get #idle(): readonly WeightUnit[] {
    const idle = this.#pins.there.filter((unit) => this.#resting.mayLeave(unit) && this.#resting.ramBytes(unit) > 0)
    if (!idle.some((unit) => this.#resting.passageBytes(unit) > 0)) return idle
    const smallest = idle.reduce((least, unit) => (unit.sizeBytes < least.sizeBytes ? unit : least))
    return [smallest, ...idle.filter((unit) => unit !== smallest)]
  }

  #sum(units: readonly WeightUnit[]): number {
    return units.reduce((sum, unit) => sum + this.#resting.ramBytes(unit), 0)
  }
}
