import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { WeightLoader } from '../engine/weight-loader.ts'
import { defaultLookAhead } from '../plan/plan-run.ts'
import type { PlannedBytes } from '../engine/block-plan.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { type BlockCache, isMovable, rowBytesOf } from './block-cache.ts'
import type { MemoryLimits } from './memory-budget.ts'
import { PinChoice } from './pin-choice.ts'
import { refusing } from './refusing.ts'

/**
 * The memory in which pinned matrices, the ring that the others stream through, and KV of the device share what the rest of a
 * run leaves: device memory, or RAM where the two are one.
 */
export class DeviceRoom {
  readonly isHost: boolean
  readonly pins: PinChoice
  readonly #parts: LoadedParts
  readonly #onRefusal: (why: string) => void
  /** Bytes that nothing of the above takes. */
  readonly #fixedBytes: number
  readonly #plannedRingBytes: number
  readonly #plannedCacheBytes: number
  #loader: WeightLoader | undefined
  #block: BlockCache | undefined
  /** Of slots that were made larger than planned, and of the row that KV between RAM and the disk passes through. */
  #slotBytes = 0

  /**
   * @param cacheBytes KV of a block, as the run plans it
   * @param onRefusal told of every allocation that found no memory
   */
  constructor(parts: LoadedParts, plan: RunPlan, cacheBytes: PlannedBytes, onRefusal: (why: string) => void) {
    const { hostVisible } = parts.options.backend.device
    this.isHost = hostVisible
    this.pins = new PinChoice(parts.pins, parts.runtimes, hostVisible)
    this.#parts = parts
    this.#onRefusal = onRefusal
    this.#plannedRingBytes = plan.weightRingBytes
    this.#plannedCacheBytes = cacheBytes.device + (hostVisible ? cacheBytes.host : 0)
    // What loading needs shares its room with the ring, and is over.
    const fixedBytes = hostVisible ? plan.ram.total - plan.ram.weightStaging : plan.deviceBytes - plan.weightRingBytes
    this.#fixedBytes = fixedBytes - this.#plannedCacheBytes
  }

  /**
   * Before anything is allocated: pins what is wanted, as far as there is room beside the plan, and more where all room is to
   * be taken.
   * @returns bytes of the ring that the rest streams through
   */
  begin(wantedPins: readonly WeightUnit[], takesAll: boolean): number {
    const { limits } = this.#parts.budget
    const room = (): number => this.#room(limits, this.#used(0, this.#plannedCacheBytes))
    // With all that is wanted the ring may be small; so what is too much is left out again, from the end.
    refusing(() => this.pins.pinThese(wantedPins, () => room() >= 0), this.#onRefusal)
    while (room() < this.#wantedRing().least && this.pins.drop(1) > 0);
    const isLimited = this.#limit(limits) !== undefined
    if (takesAll && isLimited) for (let more = 1; more > 0;) more = this.pin(room() - this.#wantedRing().wanted)
    const { least, wanted } = this.#wantedRing()
    return Math.max(least, Math.min(wanted, room()))
  }

  /** The queues of a run are there, or no more. */
  setLoader(loader: WeightLoader | undefined): void {
    this.#loader = loader
  }

  /** The KV of a block is there, or no more. */
  setBlock(block: BlockCache | undefined): void {
    this.#block = block
    this.#slotBytes = 0
  }

  /** Bytes that are free under some limits; negative where too much is held, 0 where there is no limit. */
  free(limits: MemoryLimits = this.#parts.budget.limits): number {
    return this.#limit(limits) === undefined ? 0 : this.#room(limits, this.usedBytes)
  }

  /** Whether there is a limit. */
  get isLimited(): boolean {
    return this.#limit(this.#parts.budget.limits) !== undefined
  }

  /** Bytes that the run may hold, all told. */
  get usedBytes(): number {
    return this.#used(this.#loader?.ringBytes ?? this.#plannedRingBytes, this.#cacheBytes)
  }

  /** KV of the block that there is. */
  get #cacheBytes(): number {
    if (this.#block === undefined) return 0
    const { device, ram } = this.#block.store.units.heldBytes
    return device + (this.isHost ? ram : 0)
  }

  #used(ringBytes: number, cacheBytes: number): number {
    return this.#fixedBytes + this.#slotBytes + this.#parts.pins.heldBytes + ringBytes + cacheBytes
  }

  #limit({ device, ram }: MemoryLimits): number | undefined {
    return this.isHost ? ram : (device ?? this.#parts.options.backend.device.memoryBytes)
  }

  #room(limits: MemoryLimits, usedBytes: number): number {
    return (this.#limit(limits) ?? Number.POSITIVE_INFINITY) - usedBytes
  }

  /** Bytes that can be freed without KV: pins less the ring that their matrices need then, and what the ring has beyond its plan. */
  get droppableBytes(): number {
    const { heldBytes } = this.#parts.pins
    const ring = this.#loader?.ringBytes ?? 0
    const [surplus, lacks] = [ring - this.#plannedRingBytes, this.pins.leastRingOfAll - ring]
    return Math.max(0, heldBytes + Math.max(0, surplus) - Math.max(0, lacks))
  }

  /** Pins matrices of at most so many bytes. @returns bytes that are pinned now and were not before */
  pin(mostBytes: number): number {
    const before = this.#parts.pins.pinnedBytes
    if (mostBytes > 0) refusing(() => this.pins.pin(mostBytes), this.#onRefusal)
    return this.#parts.pins.pinnedBytes - before
  }

  /** Gives up what is under way for the next sweep: it holds memory, too. */
  async forgetAhead(): Promise<void> {
    await this.#loader?.forgetAhead()
  }

  /** Drops matrices of at least so many bytes and until all fits, and makes the ring fit. @returns bytes that were dropped */
  async drop(leastBytes: number, limits: MemoryLimits = this.#parts.budget.limits): Promise<number> {
    let dropped = leastBytes > 0 ? this.pins.drop(leastBytes) : 0
    dropped += this.dropUntilFits(limits)
    await this.#settleRing(limits)
    return dropped
  }

  /** Drops matrices until the rest, a ring for what streams and slots for KV that is off the device fit. @returns bytes that were dropped */
  dropUntilFits(limits: MemoryLimits): number {
    let dropped = 0
    for (;;) {
      const more = this.lacks(limits) <= 0 ? 0 : this.pins.drop(1)
      if (more === 0) return dropped
      dropped += more
    }
  }

  /** Bytes that lack for all that must be there with what is kept now: the ring and the slots included. */
  lacks(limits: MemoryLimits): number {
    const ring = Math.max(0, this.#wantedRing().least - (this.#loader?.usableRingBytes ?? 0))
    return ring + this.lackingSlotBytes - this.#room(limits, this.usedBytes)
  }

  /** Bytes that slots for KV off the device would take beyond what they take: on a device for a whole batch. */
  get slotGrowthBytes(): number {
    return this.#slotGrowthBytes(!this.isHost)
  }

  /** Bytes that slots lack for the KV that is off the device now. */
  get lackingSlotBytes(): number {
    return (this.#block?.store.slotRowsNeeded ?? 0) === 0 ? 0 : this.slotGrowthBytes
  }

  #slotGrowthBytes(forBatch: boolean): number {
    return this.#block?.store.slotGrowthBytes(this.#slotRows(forBatch)) ?? 0
  }

  #slotRows(forBatch: boolean): number {
    if (this.#block === undefined) return 0
    const { store, plan } = this.#block
    return Math.min(this.#parts.options.policy.gpuBatchSize, forBatch ? plan.shape.sequences : store.slotRowsNeeded)
  }

  /**
   * Makes sure that KV off the device finds slots on its way there.
   * @param forBatch whether a whole batch does; on a host KV is on disk for want of memory, so there are no more than it needs
   * @returns whether it does
   */
  async makeSlots(forBatch: boolean = !this.isHost): Promise<boolean> {
    const bytes = this.#slotGrowthBytes(forBatch)
    if (bytes === 0) return true
    const lacks = bytes - this.#room(this.#parts.budget.limits, this.usedBytes)
    if (lacks > 0) await this.drop(lacks)
    if (this.#room(this.#parts.budget.limits, this.usedBytes) < bytes) return false
    const isDone = refusing(() => this.#block!.store.growSlots(this.#slotRows(forBatch)), this.#onRefusal)
    if (isDone) this.#slotBytes += bytes
    return isDone
  }

  /**
   * Makes sure that KV finds a row of the device on its way between RAM and the disk.
   * @returns whether it does
   */
  async makeScratch(limits: MemoryLimits): Promise<boolean> {
    const block = this.#block
    if (this.isHost || !isMovable(block) || block.moves.hasScratch) return true
    const bytes = rowBytesOf(block)
    const lacks = bytes - this.#room(limits, this.usedBytes)
    // The ring for what is dropped is made when the row is there: it would take its room.
    if (lacks > 0) {
      await this.forgetAhead()
      this.pins.drop(lacks)
    }
    if (this.#room(limits, this.usedBytes) < bytes) return false
    const isDone = refusing(() => block.moves.makeScratch(), this.#onRefusal)
    if (isDone) this.#slotBytes += bytes
    await this.drop(0, limits)
    return isDone
  }

  /** Bytes of the ring that what streams needs. */
  #wantedRing(): { readonly least: number; readonly wanted: number } {
    return this.pins.ringBytes(this.#parts.options.policy.overlap ? defaultLookAhead : 0)
  }

  /** Makes the ring as large as what streams now needs, where that is much more or less than it was. */
  async #settleRing(limits: MemoryLimits): Promise<void> {
    const loader = this.#loader
    if (loader === undefined) return
    const { least, wanted } = this.#wantedRing()
    const usable = loader.usableRingBytes
    if (usable >= least && usable >= wanted * 0.9 && usable <= wanted * 1.3) return
    // One that is too small or much too large makes way for the next; else both would be held for a while.
    if (usable < least || usable > wanted * 1.3) {
      await loader.forgetAhead()
      loader.dropRing()
    }
    const room = this.#room(limits, this.usedBytes)
    const ring = Math.max(least, Math.min(wanted, room))
    if (ring > 0 && (loader.usableRingBytes === 0 || ring <= room)) loader.resizeRing(ring)
  }

  /** Gives back what the ring has too much once more is pinned: all of it where nothing streams any more. */
  async trimRing(): Promise<void> {
    const usable = this.#loader?.usableRingBytes ?? 0
    if (usable > this.#wantedRing().wanted * 1.3) await this.#settleRing(this.#parts.budget.limits)
  }
}
