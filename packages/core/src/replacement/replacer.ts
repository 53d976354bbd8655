import { cachePageBytes, type Clock, systemClock } from '@flexgen/spec'
import type { BlockPlan, PlannedBytes } from '../engine/block-plan.ts'
import type { AttentionPlace } from '../engine/cache-lane.ts'
import type { MovingRow } from '../engine/cache-moves.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { WeightLoader } from '../engine/weight-loader.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { type BlockCache, rowBytesOf } from './block-cache.ts'
import { BudgetHold } from './budget-hold.ts'
import { CacheMover } from './cache-mover.ts'
import { ReplacementController } from './controller.ts'
import { DeviceRoom } from './device-room.ts'
import { fitBlock } from './fit-block.ts'
import { RamRoom } from './ram-room.ts'
import type { Decision, PlacementFacts, Reallocator, SweepFacts } from './reallocator.ts'
import { refusing } from './refusing.ts'
import { ReplacementLog } from './replacement-log.ts'
import { RandomCopy } from './random-copy.ts'
import type { MemoryUse, PlacementSample, ReplacementOptions, ReplacementReport } from './replacement-options.ts'
import { RowCounter } from './row-choice.ts'
import { SweepUseMeter, withWork } from './sweep-use.ts'

/** Of timing 3: tokens between looks without `everyTokens`, and drift of a sweep's time at which it acts before. */
const [defaultEveryTokens, drift] = [8, 0.15]

/**
 * Re-placement of one call of `generate`: measures, asks the controller, and carries out what it says between two sweeps.
 * Placement changes how fast tokens come and never which.
 */
export class Replacer {
  readonly use: SweepUseMeter
  readonly #parts: LoadedParts
  readonly #options: ReplacementOptions
  readonly #clock: Clock
  readonly #controller: Reallocator
  readonly #room: DeviceRoom
  readonly #ramRoom: RamRoom
  readonly #mover: CacheMover
  readonly #hold: BudgetHold
  readonly #log: ReplacementLog
  #block: BlockCache | undefined
  readonly #counter = new RowCounter()
  #sweep = 0
  #moveSeconds = 0
  #decideSeconds = 0
  /** Taken by changes of the budget since the last moment between two sweeps. */
  #unpaidSeconds = 0
  #plannedPeak: MemoryUse = { device: 0, ram: 0 }
  readonly #onRefusal = (why: string): void => this.#note({ what: 'refused', why })
  /** Until the machine has less memory than the budget; from the next change of the budget on again. */
  #takesBack = true
  /** In place of the controller. */
  readonly #randomCopying: RandomCopy | undefined
  /** Sweep and its seconds when timing 3 acted last. */
  #looked: { readonly sweep: number; readonly seconds: number } | undefined

  /** @param cacheBytes KV of a block, as the run plans it */
  constructor(parts: LoadedParts, options: ReplacementOptions, plan: RunPlan, cacheBytes: PlannedBytes) {
    const { backend, policy, clock = systemClock } = parts.options
    const { hostVisible } = backend.device
    this.#parts = parts
    this.#options = options
    this.#clock = clock
    this.use = new SweepUseMeter(hostVisible)
    this.#log = new ReplacementLog(clock, parts.options.trace)
    const onRefusal = this.#onRefusal
    this.#room = new DeviceRoom(parts, plan, cacheBytes, onRefusal)
    this.#ramRoom = new RamRoom(plan, cacheBytes, parts.resting, this.#room.pins, (leftRamBytes) =>
      this.#note({ what: 'budget', why: 'RAM is wanted where copies of pinned weights lie', leftRamBytes }),
    )
    const rooms = { room: this.#room, ramRoom: this.#ramRoom }
    this.#mover = new CacheMover({ ...rooms, parts, onRefusal })
    this.#hold = new BudgetHold({
      ...rooms,
      mover: this.#mover,
      deviceLimit: parts.deviceLimit,
      count: (rows) => this.#counter.count(this.#block?.store, rows),
      note: (step) => this.#note(step),
    })
    this.#randomCopying =
      options.reallocator === 'random-copy'
        ? new RandomCopy(options, policy.cache, parts.attentionHost !== undefined)
        : undefined
    const { reallocator } = options
    this.#controller = typeof reallocator === 'object' ? reallocator : new ReplacementController()
  }

  /**
   * Before anything is allocated: pins what the policy wants on the device, as far as there is room beside the plan; with
   * timing 1 whatever there is room for.
   * @returns bytes of the ring that the rest streams through
   */
  beginRun(): number {
    const { wantedPins, pins } = this.#parts
    const { timing, reallocator } = this.#options
    const before = pins.pinnedBytes
    const takesAll = timing === 1 && reallocator !== 'random-copy'
    const ringBytes = this.#room.begin(wantedPins, takesAll)
    if (takesAll) {
      this.#note({ what: 'before generation', why: 'there is room', pinnedBytes: pins.pinnedBytes - before })
    }
    return ringBytes
  }

  /** The run has its queues now: fills what is pinned. */
  async setLoader(loader: WeightLoader): Promise<void> {
    this.#room.setLoader(loader)
    await loader.fillPins()
    const { stream } = this.use.take()
    if (this.#log.steps.at(-1)?.what !== 'before generation' || stream.busySeconds === 0) return
    const speed = (stream.bytes / stream.busySeconds / 1e9).toPrecision(3)
    this.#log.explainLast(`there is room, and the link was measured at ${speed} GB/s`)
  }

  /**
   * Before a block is allocated: makes room for its KV.
   * @returns the block with what has no room where it was planned elsewhere
   * @throws {InfeasibleError} where it has no room anywhere
   */
  async beginBlock(plan: BlockPlan): Promise<BlockPlan> {
    const { device, host } = plan.bytes.cache
    const missing = device + (this.#room.isHost ? host : 0) - this.#room.free()
    if (missing > 0 && this.#room.isLimited) {
      await this.#room.forgetAhead()
      await this.#room.drop(missing)
    }
    if (!this.#room.isHost) this.#mover.makeRam(host, this.#parts.budget.limits)
    return fitBlock(plan, { room: this.#room, ramRoom: this.#ramRoom, mover: this.#mover, parts: this.#parts })
  }

  /** The block's KV can move from now on. */
  async setBlock(block: BlockCache): Promise<void> {
    this.#useBlock(block)
    await this.#mover.settleSlots()
    this.#measurePlanned()
    this.use.take()
  }

  /** The block ends: what is still on its way is given up. */
  endBlock(): void {
    this.#block?.moves?.abort()
    this.#useBlock(undefined)
    this.#controller.reset()
  }

  #useBlock(block: BlockCache | undefined): void {
    this.#block = block
    for (const part of [this.#room, this.#ramRoom, this.#mover]) part.setBlock(block)
  }

  /**
   * Between two sweeps.
   * @param seconds of the sweep before
   * @param rows sequences that live, as they stand
   * @param remainingSweeps that will follow, as far as it is known
   * @returns seconds that it took, where they count in the latencies
   */
  async between(
    seconds: number,
    phase: 'prefill' | 'decode',
    rows: readonly MovingRow[],
    remainingSweeps: number,
  ): Promise<number> {
    this.#sweep += 1
    const use = this.use.take()
    await this.#mover.commit(rows)
    await this.#mover.settleSlots()
    await this.holdBudget(rows)
    const startedAtMs = this.#clock.now()
    this.#takeBack()
    if (this.#randomCopying !== undefined) await this.#randomCopy(this.#randomCopying, rows)
    else if (phase === 'decode' && this.#options.timing !== 1) {
      await this.#follow(rows, { seconds, use, remainingSweeps })
    }
    this.#measurePlanned()
    if (phase === 'decode') this.#log.sample(this.#sample(seconds, rows))
    const tookSeconds = this.#unpaidSeconds + (this.#clock.now() - startedAtMs) / 1000
    this.#unpaidSeconds = 0
    this.#moveSeconds += tookSeconds
    return this.#options.includePunish === true ? tookSeconds : 0
  }

  /** Makes the changes of the budget that wait. */
  async holdBudget(rows: readonly MovingRow[]): Promise<void> {
    const { budget } = this.#parts
    if (!budget.hasChange) return
    const startedAtMs = this.#clock.now()
    await budget.apply((wanted, before) => this.#hold.hold(wanted, rows, before))
    await this.#mover.settleSlots()
    this.#takesBack = true
    this.#takeBack()
    this.#measurePlanned()
    this.#unpaidSeconds += (this.#clock.now() - startedAtMs) / 1000
    this.#controller.reset()
    this.#looked = undefined
  }

  /** The run has ended. */
  end(): void {
    this.#room.setLoader(undefined)
    this.#parts.budget.endRun()
  }

  report(): ReplacementReport {
    const { reallocator = 'measured' } = this.#options
    return {
      timing: this.#options.timing,
      reallocator: typeof reallocator === 'object' ? 'own' : reallocator,
      includePunish: this.#options.includePunish ?? false,
      moveSeconds: this.#moveSeconds,
      decideSeconds: this.#decideSeconds,
      movedCacheBytes: this.#mover.movedBytes,
      steps: [...this.#log.steps],
      plannedPeak: this.#plannedPeak,
      timeline: [...this.#log.timeline],
    }
  }

  async #follow(rows: readonly MovingRow[], facts: SweepFacts): Promise<void> {
    const startedAtMs = performance.now()
    const placement = this.#facts(rows)
    const isAlone = rows.length <= this.#parts.options.policy.gpuBatchSize
    const outcome = this.#controller.observe({
      ...facts,
      use: withWork(facts.use, placement.hostRows * placement.usedRowBytes, rows.length, isAlone),
    })
    if (outcome !== undefined) this.#log.noteOutcome(outcome)
    const decision = this.#isDue(facts.seconds) ? this.#controller.decide(placement) : undefined
    this.#decideSeconds += (performance.now() - startedAtMs) / 1000
    if (decision !== undefined) await this.#carryOut(decision, rows)
  }

  /** Timing 3 acts where a sweep's time has drifted, or every so many tokens. */
  #isDue(seconds: number): boolean {
    if (this.#options.timing === 2) return true
    const { everyTokens = defaultEveryTokens } = this.#options
    const looked = this.#looked
    const isDue =
      looked === undefined ||
      this.#sweep - looked.sweep >= everyTokens ||
      Math.abs(seconds / looked.seconds - 1) > drift
    if (isDue) this.#looked = { sweep: this.#sweep, seconds }
    return isDue
  }

  #facts(rows: readonly MovingRow[]): PlacementFacts {
    const { pins } = this.#parts
    const block = this.#mover.movable
    const count = this.#counter.count(this.#block?.store, rows)
    const positions = rows.reduce((sum, { cachedPositions }) => sum + cachedPositions, 0) / Math.max(1, rows.length)
    const roomBytes = Math.max(0, this.#room.free())
    const { isHost } = this.#room
    return {
      roomBytes,
      pinnedBytes: pins.pinnedBytes,
      streamedBytes: this.#room.pins.streamedBytes,
      pinnableBytes: this.#room.pins.fitting(roomBytes),
      // Where device and RAM are one memory, KV in RAM is on the device, too.
      deviceRows: count.device + (isHost ? count.host + count.streamed : 0),
      hostRows: isHost ? 0 : count.host,
      streamedRows: isHost ? 0 : count.streamed,
      diskRows: block === undefined ? 0 : count.disk,
      diskRoomBytes: isHost || count.disk === 0 ? roomBytes : Math.max(roomBytes, this.#ramForDisk),
      rowBytes: block === undefined ? 0 : rowBytesOf(block),
      usedRowBytes: block === undefined ? 0 : cachePageBytes(block.plan.cacheSpec, positions),
      canShift: this.#parts.attentionHost !== undefined,
    }
  }

  /** Bytes of RAM beside a device that KV on disk could have: what is read goes before copies that nobody reads. */
  get #ramForDisk(): number {
    return this.#mover.ramBytes(this.#parts.budget.limits) + this.#ramRoom.idleBytes
  }

  async #carryOut(decision: Decision, rows: readonly MovingRow[]): Promise<void> {
    const { what, why, predictedGainSeconds, dropBytes, pinBytes, abortsMoves } = decision
    if (abortsMoves === true) this.#block?.moves?.abort()
    // What is under way for the next sweep holds what is dropped, and KV wants to come in its place.
    if (dropBytes > 0 && decision.promoteRows > 0) await this.#room.forgetAhead()
    const droppedBytes = dropBytes > 0 ? await this.#room.drop(dropBytes) : 0
    const mover = this.#mover
    const isBack = what === 'roll back'
    const shift = (place: AttentionPlace, count: number): number | Promise<number> =>
      isBack && count > 0 ? mover.takeBack() : mover.attend(rows, place, count)
    const toHostRows = await shift('host', decision.toHostRows)
    const toStreamRows = await shift('device', decision.toStreamRows)
    const promotedRows = await mover.move(rows, 'ram', 'device', decision.promoteRows)
    const demotedRows = await mover.move(rows, 'device', 'ram', decision.demoteRows)
    const { limits } = this.#parts.budget
    const nearest = mover.roomFor('device', limits) > 0 ? 'device' : 'ram'
    const fromDiskRows = await mover.move(rows, 'disk', nearest, decision.fromDiskRows)
    const toDiskRows = await mover.move(rows, 'ram', 'disk', decision.toDiskRows)
    // KV that leaves is there until it has been copied: the room that it leaves is for the next decision.
    const pinnedBytes = this.#room.pin(Math.min(pinBytes, this.#room.free()))
    if (pinnedBytes > 0) await this.#room.trimRing()
    const moved = { promotedRows, demotedRows, toHostRows, toStreamRows, fromDiskRows, toDiskRows }
    this.#controller.carriedOut({
      pinBytes: pinnedBytes,
      dropBytes: droppedBytes,
      promoteRows: promotedRows,
      demoteRows: demotedRows,
      toHostRows,
      toStreamRows,
      fromDiskRows,
      toDiskRows,
    })
    const isMoved = [pinnedBytes, droppedBytes, ...Object.values(moved)].some((amount) => amount > 0)
    if (isMoved) this.#note({ what, why, pinnedBytes, droppedBytes, ...moved, predictedGainSeconds })
  }

  /** Matrices that stream from files come back to RAM that is free: they are kept as they pass by. */
  #takeBack(): void {
    const { missingBytes } = this.#ramRoom
    if (this.#room.isHost || missingBytes === 0 || !this.#takesBack) return
    this.#takesBack = refusing(() => this.#ramRoom.takeBack(this.#parts.budget.limits), this.#onRefusal)
    const returnedRamBytes = missingBytes - this.#ramRoom.missingBytes
    const why = 'RAM has room for matrices that stream from files'
    if (returnedRamBytes > 0) this.#note({ what: 'fill', why, returnedRamBytes })
  }

  async #randomCopy(copy: RandomCopy, rows: readonly MovingRow[]): Promise<void> {
    const block = this.#mover.movable
    const step = block === undefined ? undefined : await copy.run(block, rows, this.#sweep)
    if (step === undefined) return
    const { device, ram, disk } = step.percent
    this.#mover.addMoved(step.movedBytes)
    if (step.failure !== undefined) this.#mover.refuse(step.failure)
    this.#note({ what: 'random copy', why: `KV ${device} ${ram} ${disk}` })
  }

  #sample(seconds: number, rows: readonly MovingRow[]): PlacementSample {
    const count = this.#counter.count(this.#block?.store, rows)
    const { pinnedBytes } = this.#parts.pins
    return {
      sweep: this.#sweep,
      seconds,
      pinnedBytes,
      deviceRows: count.device,
      hostRows: count.host,
      streamedRows: count.streamed,
      diskRows: count.disk,
      planned: this.#planned,
      limits: this.#parts.budget.limits,
    }
  }

  /** What the run may hold now: its plan, and what has come and gone since. */
  get #planned(): MemoryUse {
    const { isHost, usedBytes } = this.#room
    return isHost ? { device: 0, ram: usedBytes } : { device: usedBytes, ram: this.#ramRoom.usedBytes }
  }

  #measurePlanned(): void {
    const { device, ram } = this.#planned
    this.#plannedPeak = {
      device: Math.max(device, this.#plannedPeak.device),
      ram: Math.max(ram, this.#plannedPeak.ram),
    }
  }

  #note(step: Omit<Parameters<ReplacementLog['note']>[0], 'sweep'>): void {
    this.#log.note({ ...step, sweep: this.#sweep })
  }
}
