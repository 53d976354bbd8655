import { cachePageBytes, type Clock, InfeasibleError, OutOfMemoryError, systemClock } from '@flexgen/spec'
import { attendsAt, type MovingRow } from '../engine/cache-moves.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { WeightLoader } from '../engine/weight-loader.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { type BlockCache, isMovable, type MovableCache, rowBytesOf } from './block-cache.ts'
import { ReplacementController } from './controller.ts'
import { DeviceRoom } from './device-room.ts'
import type { MemoryLimits } from './memory-budget.ts'
import type { Decision, PlacementFacts, Reallocator, SweepFacts } from './reallocator.ts'
import { ReplacementLog } from './replacement-log.ts'
import { RandomCopy } from './random-copy.ts'
import type { PlacementSample, ReplacementOptions, ReplacementReport } from './replacement-options.ts'
import { chooseRows, RowCounter } from './row-choice.ts'
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
  readonly #log: ReplacementLog
  readonly #fixedRamBytes: number
  #block: BlockCache | undefined
  readonly #counter = new RowCounter()
  #sweep = 0
  #moveSeconds = 0
  #decideSeconds = 0
  /** Taken by changes of the budget since the last moment between two sweeps. */
  #unpaidSeconds = 0
  #movedCacheBytes = 0
  /** In place of the controller. */
  readonly #randomCopying: RandomCopy | undefined
  /** Sweep and its seconds when timing 3 acted last. */
  #looked: { readonly sweep: number; readonly seconds: number } | undefined

  /** @param cacheBytes KV of the device, as the run plans it */
  constructor(parts: LoadedParts, options: ReplacementOptions, plan: RunPlan, cacheBytes: number) {
    const { backend, policy, clock = systemClock } = parts.options
    const { hostVisible } = backend.device
    this.#parts = parts
    this.#options = options
    this.#clock = clock
    this.use = new SweepUseMeter(hostVisible)
    this.#log = new ReplacementLog(clock, parts.options.trace)
    this.#room = new DeviceRoom(parts, plan, cacheBytes, (why) => this.#note({ what: 'refused', why }))
    this.#fixedRamBytes = plan.ram.total
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
   * @param cacheBytes KV of the device that the block brings
   */
  async beginBlock(cacheBytes: number): Promise<void> {
    const missing = cacheBytes - this.#room.free()
    if (missing <= 0 || this.#room.isHost) return
    await this.#room.forgetAhead()
    await this.#room.drop(missing)
  }

  /** The block's KV can move from now on. */
  setBlock(block: BlockCache): void {
    this.#block = block
    this.#room.setBlock(block)
    this.use.take()
  }

  /** The block ends: what is still on its way is given up. */
  endBlock(): void {
    this.#block?.moves?.abort()
    this.#block = undefined
    this.#room.setBlock(undefined)
    this.#controller.reset()
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
    await this.#commit(rows)
    await this.holdBudget(rows)
    const startedAtMs = this.#clock.now()
    if (this.#randomCopying !== undefined) await this.#randomCopy(this.#randomCopying, rows)
    else if (phase === 'decode' && this.#options.timing !== 1) {
      await this.#follow(rows, { seconds, use, remainingSweeps })
    }
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
    const before = budget.limits
    const startedAtMs = this.#clock.now()
    await budget.apply((wanted) => this.#hold(wanted, rows, before))
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
      movedCacheBytes: this.#movedCacheBytes,
      steps: [...this.#log.steps],
      timeline: [...this.#log.timeline],
    }
  }

  async #follow(rows: readonly MovingRow[], facts: SweepFacts): Promise<void> {
    const startedAtMs = performance.now()
    const placement = this.#facts(rows)
    const outcome = this.#controller.observe({
      ...facts,
      use: withWork(facts.use, placement.hostRows * placement.usedRowBytes, rows.length),
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
    const block = this.#movableBlock()
    const count = this.#counter.count(this.#block?.store, rows)
    const positions = rows.reduce((sum, { cachedPositions }) => sum + cachedPositions, 0) / Math.max(1, rows.length)
    const roomBytes = Math.max(0, this.#room.free())
    return {
      roomBytes,
      pinnedBytes: pins.pinnedBytes,
      streamedBytes: this.#room.pins.streamedBytes,
      pinnableBytes: this.#room.pins.fitting(roomBytes),
      deviceRows: count.device,
      hostRows: count.host,
      streamedRows: count.streamed,
      rowBytes: block === undefined ? 0 : rowBytesOf(block),
      usedRowBytes: block === undefined ? 0 : cachePageBytes(block.plan.cacheSpec, positions),
      canShift: this.#parts.attentionHost !== undefined,
    }
  }

  async #carryOut(decision: Decision, rows: readonly MovingRow[]): Promise<void> {
    const { what, why, predictedGainSeconds, dropBytes, pinBytes, abortsMoves } = decision
    if (abortsMoves === true) this.#block?.moves?.abort()
    // What is under way for the next sweep holds what is dropped, and KV wants to come in its place.
    if (dropBytes > 0 && decision.promoteRows > 0) await this.#room.forgetAhead()
    const droppedBytes = dropBytes > 0 ? await this.#room.drop(dropBytes) : 0
    const toHostRows = await this.#attend(rows, 'host', decision.toHostRows)
    const toStreamRows = await this.#attend(rows, 'device', decision.toStreamRows)
    const promotedRows = await this.#move(rows, 'ram', decision.promoteRows)
    const demotedRows = await this.#move(rows, 'device', decision.demoteRows)
    // KV that leaves is there until it has been copied: the room that it leaves is for the next decision.
    const pinnedBytes = this.#room.pin(Math.min(pinBytes, this.#room.free()))
    const moved = { promotedRows, demotedRows, toHostRows, toStreamRows }
    this.#controller.carriedOut({
      pinBytes: pinnedBytes,
      dropBytes: droppedBytes,
      promoteRows: promotedRows,
      demoteRows: demotedRows,
      toHostRows,
      toStreamRows,
    })
    const isMoved = [pinnedBytes, droppedBytes, ...Object.values(moved)].some((amount) => amount > 0)
    if (isMoved) this.#note({ what, why, pinnedBytes, droppedBytes, ...moved, predictedGainSeconds })
  }

  /** Frees what a smaller limit needs, at once. @throws {InfeasibleError} where even all of it is not enough */
  async #hold(limits: MemoryLimits, rows: readonly MovingRow[], before: MemoryLimits): Promise<void> {
    let [droppedBytes, demotedRows] = [0, 0]
    if (this.#room.free(limits) < 0) await this.#room.forgetAhead()
    const missing = -this.#room.free(limits)
    if (missing > 0) {
      const block = this.#movableBlock()
      const each = block === undefined ? 0 : rowBytesOf(block)
      const mostRows = this.#demotable(limits, rows)
      this.#checkShrinks(missing, mostRows * each)
      // KV that is hardly filled moves few bytes for what it frees; weights of as many bytes stream on every sweep.
      const keepsWeights = mostRows > 0 && this.#facts(rows).usedRowBytes < each * 0.9
      const movesCache = keepsWeights || this.#room.droppableBytes < missing
      // Weights leave at once, and make way for the slots that KV passes through; they come back where it has left.
      const slotBytes = movesCache ? this.#room.slotGrowthBytes : 0
      droppedBytes = this.#room.pins.drop(missing + slotBytes)
      if (movesCache && mostRows > 0) {
        const wanted = Math.ceil(
          (Math.max(keepsWeights ? droppedBytes : 0, -this.#room.free(limits)) + slotBytes) / each,
        )
        demotedRows = await this.#move(rows, 'device', Math.min(mostRows, wanted), before)
        await block!.moves.copied()
        await this.#commit(rows)
      }
      droppedBytes += await this.#room.drop(0, limits)
    }
    const grown = (limits.device ?? 0) > (before.device ?? 0) || (limits.ram ?? 0) > (before.ram ?? 0)
    this.#note({ what: 'budget', why: grown ? 'it has grown' : 'it has shrunk', droppedBytes, demotedRows })
  }

  /** Rows of KV on the device that RAM has room for. */
  #demotable(limits: MemoryLimits, rows: readonly MovingRow[]): number {
    const block = this.#movableBlock()
    if (block === undefined) return 0
    const ramRoom = Math.max(0, (limits.ram ?? Number.POSITIVE_INFINITY) - this.#fixedRamBytes)
    return Math.min(this.#counter.count(block.store, rows).device, Math.floor(ramRoom / rowBytesOf(block)))
  }

  /** @throws {InfeasibleError} where everything that may leave is not as much as lacks */
  #checkShrinks(missing: number, cacheBytes: number): void {
    const lacks = missing - this.#room.droppableBytes - cacheBytes
    if (lacks <= 0) return
    const why = `the run holds ${Math.ceil(lacks)} bytes more that cannot move`
    this.#note({ what: 'refused', why })
    throw new InfeasibleError(`the budget cannot shrink so far: ${why}`, {
      hint: 'shrink it less, or end the run: finished results are kept',
    })
  }

  /** Attends rows in RAM elsewhere from the next sweep on. @returns how many */
  async #attend(rows: readonly MovingRow[], place: 'host' | 'device', count: number): Promise<number> {
    const block = this.#movableBlock()
    if (block === undefined || count <= 0 || (place === 'host' && this.#parts.attentionHost === undefined)) return 0
    const { gpuBatchSize } = this.#parts.options.policy
    const chosen = chooseRows(block.store, block.moves, rows, {
      from: [place === 'host' ? 'streamed' : 'host'],
      count,
      fromEnd: place === 'host',
      gpuBatchSize,
    })
    if (place === 'device' && chosen.length > 0 && !(await this.#room.makeSlots())) return 0
    for (const { unit } of chosen) block.store.attendAt(unit, place)
    return chosen.length
  }

  /** Begins to move KV; ends early where the new home has no room. @returns units that are under way */
  async #move(
    rows: readonly MovingRow[],
    from: 'device' | 'ram',
    count: number,
    limits: MemoryLimits = this.#parts.budget.limits,
  ): Promise<number> {
    const block = this.#movableBlock()
    if (block === undefined || count <= 0) return 0
    const { store, moves, plan } = block
    const { gpuBatchSize } = this.#parts.options.policy
    const room =
      from === 'ram' ? Math.floor(this.#room.free(limits) / rowBytesOf(block)) : this.#demotable(limits, rows)
    const home = from === 'ram' ? 'device' : 'ram'
    const attends = attendsAt(home, this.#parts.attentionHost !== undefined)
    let begun = 0
    for (const { cacheLayer, row } of chooseRows(store, moves, rows, {
      from: from === 'ram' ? ['host', 'streamed'] : ['device'],
      count: Math.min(count, room),
      fromEnd: from === 'device',
      gpuBatchSize,
    })) {
      try {
        await moves.begin(cacheLayer, row, { home, attends })
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error
        this.#note({ what: 'refused', why: error.message })
        break
      }
      begun += 1
      this.#movedCacheBytes += cachePageBytes(plan.cacheSpec, row.cachedPositions)
    }
    return begun
  }

  async #randomCopy(copy: RandomCopy, rows: readonly MovingRow[]): Promise<void> {
    const block = this.#block
    const step = isMovable(block) ? await copy.run(block, rows, this.#sweep) : undefined
    if (step === undefined) return
    const { device, ram, disk } = step.percent
    this.#movedCacheBytes += step.movedBytes
    this.#note({ what: 'random copy', why: `KV ${device} ${ram} ${disk}` })
  }

  /** Flips what has been copied. KV that has left the device and is attended there passes through slots from now on. */
  async #commit(rows: readonly MovingRow[]): Promise<void> {
    const flipped = this.#block?.moves?.commit(rows) ?? []
    if (!flipped.includes('ram') || this.#parts.attentionHost !== undefined) return
    if (!(await this.#room.makeSlots()))
      throw new OutOfMemoryError('no memory for the slots that KV in RAM passes through')
  }

  /** KV moves between a device with memory of its own and RAM; on a host the two are one. */
  #movableBlock(): MovableCache | undefined {
    const block = this.#block
    return !this.#room.isHost && isMovable(block) ? block : undefined
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
    }
  }

  #note(step: Omit<Parameters<ReplacementLog['note']>[0], 'sweep'>): void {
    this.#log.note({ ...step, sweep: this.#sweep })
  }
}
