import { cachePageBytes, type Clock, InfeasibleError, OutOfMemoryError, systemClock } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import { attendsAt, type CacheMoves, type MovingRow } from '../engine/cache-moves.ts'
import type { CacheStore } from '../engine/cache-store.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { WeightLoader } from '../engine/weight-loader.ts'
import { defaultLookAhead } from '../plan/plan-run.ts'
import { placeRows } from '../placement/place-rows.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { keyedUniform } from '../sampling/uniform.ts'
import { ReplacementController } from './controller.ts'
import type { MemoryLimits } from './memory-budget.ts'
import { PinChoice } from './pin-choice.ts'
import type { Decision, Outcome, PlacementFacts, Reallocator, SweepFacts } from './reallocator.ts'
import { walkPercent } from './random-walk.ts'
import type { PlacementSample, ReplacementOptions, ReplacementReport, ReplacementStep } from './replacement-options.ts'
import { chooseRows, countRows, type RowCount } from './row-choice.ts'
import { SweepUseMeter } from './sweep-use.ts'

/** The KV of a block as re-placement sees it. */
export interface BlockCache {
  readonly plan: BlockPlan
  readonly store: CacheStore
  readonly moves: CacheMoves
}

const nowhere: RowCount = { device: 0, host: 0, streamed: 0, disk: 0 }

/** Without `everyTokens`, timing 3 looks at a run at least so often. */
const defaultEveryTokens = 8

/** Drift of a sweep's time since the last decision at which timing 3 acts. */
const drift = 0.15

/**
 * Re-placement of one call of `generate`: measures, asks the controller, and carries out what it says between two sweeps.
 * Placement changes how fast tokens come and never which.
 */
export class Replacer {
  readonly use: SweepUseMeter
  readonly #parts: LoadedParts
  readonly #options: ReplacementOptions
  readonly #clock: Clock
  readonly #pins: PinChoice
  readonly #controller: Reallocator
  readonly #steps: ReplacementStep[] = []
  readonly #timeline: PlacementSample[] = []
  /** Bytes where pins and KV of the device live that neither of the two takes. */
  readonly #fixedBytes: number
  readonly #fixedRamBytes: number
  readonly #plannedRingBytes: number
  readonly #plannedCacheBytes: number
  #loader: WeightLoader | undefined
  /** Of slots that were made larger than planned. */
  #slotBytes = 0
  #block: BlockCache | undefined
  #sweep = 0
  #moveSeconds = 0
  #decideSeconds = 0
  /** Taken by changes of the budget since the last moment between two sweeps. */
  #unpaidSeconds = 0
  #movedCacheBytes = 0
  /** Matrices that are to be pinned once KV has left. */
  #owedPinBytes = 0
  #cachePercent: LoadedParts['options']['policy']['cache']
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
    this.#pins = new PinChoice(parts.pins, parts.runtimes, hostVisible)
    this.#plannedRingBytes = plan.weightRingBytes
    // On a host the ring keeps its size: it shares its room with what loading needs.
    this.#fixedBytes = hostVisible
      ? plan.ram.total - plan.weightRingBytes
      : plan.deviceBytes - plan.weightRingBytes - cacheBytes
    this.#plannedCacheBytes = cacheBytes
    this.#fixedRamBytes = plan.ram.total
    this.#cachePercent = policy.cache
    const { reallocator } = options
    this.#controller = typeof reallocator === 'object' ? reallocator : new ReplacementController()
  }

  /**
   * Before anything is allocated: pins what the policy wants on the device, as far as there is room beside the plan; with
   * timing 1 whatever there is room for.
   * @returns bytes of the ring that the rest streams through
   */
  beginRun(): number {
    const { wantedPins, pins, budget } = this.#parts
    const { timing, reallocator } = this.#options
    const before = pins.pinnedBytes
    const room = (): number => this.#room(budget.limits, 0, this.#plannedCacheBytes)
    // With all that is wanted the ring may be small; so what is too much is left out again, from the end.
    this.#refusing(() => this.#pins.pinThese(wantedPins, () => room() >= 0))
    while (room() < this.#wantedRing().least && this.#pins.drop(1) > 0);
    if (timing === 1 && reallocator !== 'random-copy') {
      for (let more = 1; more > 0;) more = this.#tryPin(room() - this.#wantedRing().wanted)
      this.#note({ what: 'before generation', why: 'there is room', pinnedBytes: pins.pinnedBytes - before })
    }
    const { least, wanted } = this.#wantedRing()
    return this.#isHost ? this.#plannedRingBytes : Math.max(least, Math.min(wanted, room()))
  }

  /** The run has its queues now: fills what is pinned. */
  async setLoader(loader: WeightLoader): Promise<void> {
    this.#loader = loader
    await loader.fillPins()
    const { stream } = this.use.take()
    const last = this.#steps.at(-1)
    if (last?.what !== 'before generation' || stream.busySeconds === 0) return
    const speed = (stream.bytes / stream.busySeconds / 1e9).toPrecision(3)
    this.#steps[this.#steps.length - 1] = { ...last, why: `there is room, and the link was measured at ${speed} GB/s` }
  }

  /**
   * Before a block is allocated: makes room for its KV.
   * @param cacheBytes KV of the device that the block brings
   */
  beginBlock(cacheBytes: number): void {
    const missing = cacheBytes - this.#room(this.#parts.budget.limits)
    if (missing <= 0 || this.#isHost) return
    this.#loader?.forgetAhead()
    this.#pins.drop(missing)
    this.#settleRing()
  }

  get #isHost(): boolean {
    return this.#parts.options.backend.device.hostVisible
  }

  /** The block's KV can move from now on. */
  setBlock(block: BlockCache): void {
    this.#block = block
    this.use.take()
  }

  /** The block ends: what is still on its way is given up. */
  endBlock(): void {
    this.#block?.moves.abort()
    this.#block = undefined
    this.#slotBytes = 0
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
    this.#block?.moves.commit(rows)
    this.#payOwed()
    await this.holdBudget(rows)
    const startedAtMs = this.#clock.now()
    if (this.#options.reallocator === 'random-copy') await this.#randomCopy(rows)
    else if (phase === 'decode' && this.#options.timing !== 1) {
      await this.#follow(rows, { seconds, use, remainingSweeps })
    }
    if (phase === 'decode') this.#timeline.push(this.#sample(seconds, rows))
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
    this.#loader = undefined
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
      steps: [...this.#steps],
      timeline: [...this.#timeline],
    }
  }

  async #follow(rows: readonly MovingRow[], facts: SweepFacts): Promise<void> {
    const startedAtMs = performance.now()
    const outcome = this.#controller.observe(facts)
    if (outcome !== undefined) this.#noteOutcome(outcome)
    const decision = this.#isDue(facts.seconds) ? this.#controller.decide(this.#facts(rows)) : undefined
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
    const count = block === undefined ? nowhere : countRows(block.store, rows)
    const positions = rows.reduce((sum, { cachedPositions }) => sum + cachedPositions, 0) / Math.max(1, rows.length)
    const roomBytes = Math.max(0, this.#room(this.#parts.budget.limits))
    return {
      roomBytes,
      pinnedBytes: pins.pinnedBytes,
      streamedBytes: this.#pins.streamedBytes,
      pinnableBytes: this.#pins.fitting(roomBytes),
      deviceRows: count.device,
      hostRows: count.host,
      streamedRows: count.streamed,
      rowBytes: block === undefined ? 0 : rowBytes(block.plan),
      usedRowBytes: block === undefined ? 0 : cachePageBytes(block.plan.cacheSpec, positions),
      canShift: this.#parts.attentionHost !== undefined,
    }
  }

  async #carryOut(decision: Decision, rows: readonly MovingRow[]): Promise<void> {
    const { what, why, predictedGainSeconds, dropBytes, pinBytes, abortsMoves } = decision
    if (abortsMoves === true) this.#block?.moves.abort()
    const droppedBytes = dropBytes > 0 ? this.#pins.drop(dropBytes) : 0
    if (droppedBytes > 0) this.#settleRing()
    const toHostRows = this.#attend(rows, 'host', decision.toHostRows)
    const toStreamRows = this.#attend(rows, 'device', decision.toStreamRows)
    const promotedRows = await this.#move(rows, 'ram', decision.promoteRows)
    const demotedRows = await this.#move(rows, 'device', decision.demoteRows)
    // KV that leaves is there until it has been copied: what takes its memory comes with the next sweep.
    const pinnedBytes = pinBytes > 0 ? this.#tryPin(Math.min(pinBytes, this.#room(this.#parts.budget.limits))) : 0
    this.#owedPinBytes = pinBytes - pinnedBytes
    this.#note({
      what,
      why,
      pinnedBytes,
      droppedBytes,
      promotedRows,
      demotedRows,
      toHostRows,
      toStreamRows,
      predictedGainSeconds,
    })
  }

  /** Frees what a smaller limit needs, at once. @throws {InfeasibleError} where even all of it is not enough */
  async #hold(limits: MemoryLimits, rows: readonly MovingRow[], before: MemoryLimits): Promise<void> {
    let [droppedBytes, demotedRows] = [0, 0]
    // What is under way for the next sweep holds memory, too.
    if (this.#room(limits) < 0) this.#loader?.forgetAhead()
    const missing = -this.#room(limits)
    if (missing > 0) {
      const block = this.#movableBlock()
      const each = block === undefined ? 0 : rowBytes(block.plan)
      const mostRows = this.#demotable(limits, rows)
      this.#checkShrinks(missing, mostRows * each)
      // KV that is hardly filled moves few bytes for what it frees; weights of as many bytes stream on every sweep.
      const keepsWeights = each > 0 && this.#facts(rows).usedRowBytes < each * 0.9
      if (!keepsWeights) droppedBytes = this.#pins.drop(missing)
      if (missing > droppedBytes && mostRows > 0) {
        const wanted = Math.min(mostRows, Math.ceil((missing - droppedBytes) / each))
        // Slots that KV passes through on its way back are made while there is more than will be allowed.
        demotedRows = await this.#move(rows, 'device', wanted, before)
        await block!.moves.copied()
        block!.moves.commit(rows)
      }
      droppedBytes += this.#dropUntilFits(limits)
      this.#settleRing(limits)
    }
    const grown = (limits.device ?? 0) > (before.device ?? 0) || (limits.ram ?? 0) > (before.ram ?? 0)
    this.#note({ what: 'budget', why: grown ? 'it has grown' : 'it has shrunk', droppedBytes, demotedRows })
  }

  /** Rows of KV on the device that RAM has room for. */
  #demotable(limits: MemoryLimits, rows: readonly MovingRow[]): number {
    const block = this.#movableBlock()
    if (block === undefined) return 0
    const ramRoom = Math.max(0, (limits.ram ?? Number.POSITIVE_INFINITY) - this.#fixedRamBytes)
    return Math.min(countRows(block.store, rows).device, Math.floor(ramRoom / rowBytes(block.plan)))
  }

  /** @throws {InfeasibleError} where everything that may leave is not as much as lacks */
  #checkShrinks(missing: number, cacheBytes: number): void {
    const ring = this.#isHost ? 0 : (this.#loader?.ringBytes ?? 0) - this.#plannedRingBytes
    const lacks = missing - this.#parts.pins.heldBytes - cacheBytes - Math.max(0, ring)
    if (lacks <= 0) return
    const why = `the run holds ${Math.ceil(lacks)} bytes more that cannot move`
    this.#note({ what: 'refused', why })
    throw new InfeasibleError(`the budget cannot shrink so far: ${why}`, {
      hint: 'shrink it less, or end the run: finished results are kept',
    })
  }

  /** Drops matrices until the rest and a ring for what streams fit. @returns bytes that were dropped */
  #dropUntilFits(limits: MemoryLimits): number {
    let dropped = 0
    for (;;) {
      const ring = this.#isHost ? 0 : Math.max(0, this.#wantedRing().least - (this.#loader?.usableRingBytes ?? 0))
      const more = this.#room(limits) >= ring ? 0 : this.#pins.drop(1)
      if (more === 0) return dropped
      dropped += more
    }
  }

  /** Attends rows in RAM elsewhere from the next sweep on. @returns how many */
  #attend(rows: readonly MovingRow[], place: 'host' | 'device', count: number): number {
    const block = this.#movableBlock()
    if (block === undefined || count <= 0 || (place === 'host' && this.#parts.attentionHost === undefined)) return 0
    if (place === 'device' && !this.#growSlots(block, this.#parts.budget.limits)) return 0
    const { gpuBatchSize } = this.#parts.options.policy
    const chosen = chooseRows(block.store, block.moves, rows, {
      from: [place === 'host' ? 'streamed' : 'host'],
      count,
      fromEnd: place === 'host',
      gpuBatchSize,
    })
    for (const { unit } of chosen) block.store.units.attendAt(unit, place)
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
    if (from === 'device' && !this.#growSlots(block, limits)) return 0
    const room = from === 'ram' ? Math.floor(this.#room(limits) / rowBytes(plan)) : this.#demotable(limits, rows)
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

  /** The fork's way: new percents, and all KV copied, one unit after the other. */
  async #randomCopy(rows: readonly MovingRow[]): Promise<void> {
    const block = this.#block
    const { timing, seed = 0 } = this.#options
    let draws = 0
    const next = (): number => keyedUniform(seed, this.#sweep, draws++)
    if (block === undefined || rows.length === 0) return
    if (timing === 1 ? this.#sweep > 1 : timing === 3 && next() < 0.5) return
    this.#cachePercent = walkPercent(this.#cachePercent, next)
    const homes = placeRows(this.#cachePercent)
    for (let cacheLayer = 0; cacheLayer < block.store.layers; cacheLayer++) {
      for (const row of rows) {
        const home = homes.next().value
        // What stays on the device would be copied within it.
        if (home === 'device' && block.store.unitAt(cacheLayer, row.id)?.home === 'device') continue
        await block.moves.begin(cacheLayer, row, {
          home,
          attends: attendsAt(home, this.#parts.attentionHost !== undefined),
        })
        await block.moves.copied()
        block.moves.commit(rows)
        this.#movedCacheBytes += cachePageBytes(block.plan.cacheSpec, row.cachedPositions)
      }
    }
    const { device, ram, disk } = this.#cachePercent
    this.#note({ what: 'random copy', why: `KV ${device} ${ram} ${disk}` })
  }

  #payOwed(): void {
    if (this.#owedPinBytes <= 0 || (this.#block?.moves.pending ?? 0) > 0) return
    this.#tryPin(Math.min(this.#owedPinBytes, this.#room(this.#parts.budget.limits)))
    this.#owedPinBytes = 0
  }

  #tryPin(mostBytes: number): number {
    const before = this.#parts.pins.pinnedBytes
    if (mostBytes > 0) this.#refusing(() => this.#pins.pin(mostBytes))
    return this.#parts.pins.pinnedBytes - before
  }

  /** Does what may find no memory: then it is noted, and the run goes on. @returns whether it was done */
  #refusing(act: () => unknown): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      this.#note({ what: 'refused', why: error.message })
      return false
    }
  }

  /** Makes sure that KV off the device finds slots on its way there, also a whole batch of it. */
  #growSlots(block: BlockCache, limits: MemoryLimits): boolean {
    const rows = Math.min(this.#parts.options.policy.gpuBatchSize, block.plan.shape.sequences)
    const bytes = block.store.slotGrowthBytes(rows)
    if (bytes === 0) return true
    if (bytes > this.#room(limits)) return false
    const isDone = this.#refusing(() => block.store.growSlots(rows))
    if (isDone) this.#slotBytes += bytes
    return isDone
  }

  /** Bytes of the ring that what streams needs. */
  #wantedRing(): { readonly least: number; readonly wanted: number } {
    const { overlap } = this.#parts.options.policy
    return this.#pins.ringBytes(overlap ? defaultLookAhead : 0)
  }

  /** Makes the ring as large as what streams now needs, where that is much more or less than it was. */
  #settleRing(limits: MemoryLimits = this.#parts.budget.limits): void {
    const loader = this.#loader
    if (loader === undefined || this.#isHost) return
    const { least, wanted } = this.#wantedRing()
    const usable = loader.usableRingBytes
    const isTooSmall = usable < least
    if (!isTooSmall && usable >= wanted * 0.9 && usable <= wanted * 1.3) return
    if (isTooSmall) loader.forgetAhead()
    const room = this.#room(limits) + (isTooSmall ? loader.usableRingBytes : 0)
    const ring = Math.max(least, Math.min(wanted, room))
    if (ring === 0) return
    if (!isTooSmall && ring > room) return
    loader.resizeRing(ring)
  }

  /** Bytes that are free under some limits; negative where too much is held. */
  #room(
    limits: MemoryLimits,
    ringBytes: number = this.#loader?.ringBytes ?? this.#plannedRingBytes,
    cacheBytes: number = this.#deviceCacheBytes(),
  ): number {
    const { pins, options } = this.#parts
    const limit = this.#isHost ? limits.ram : (limits.device ?? options.backend.device.memoryBytes)
    if (limit === undefined) return 0
    return limit - this.#fixedBytes - this.#slotBytes - pins.heldBytes - ringBytes - (this.#isHost ? 0 : cacheBytes)
  }

  #deviceCacheBytes(): number {
    const block = this.#block
    return block === undefined ? 0 : block.store.units.deviceRows * rowBytes(block.plan)
  }

  /** KV moves between a device with memory of its own and RAM; on a host the two are one. */
  #movableBlock(): BlockCache | undefined {
    return this.#parts.options.backend.device.hostVisible ? undefined : this.#block
  }

  #sample(seconds: number, rows: readonly MovingRow[]): PlacementSample {
    const count = this.#block === undefined ? nowhere : countRows(this.#block.store, rows)
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

  #note(step: Pick<ReplacementStep, 'what' | 'why'> & Partial<ReplacementStep>): void {
    this.#steps.push({
      sweep: this.#sweep,
      pinnedBytes: 0,
      droppedBytes: 0,
      promotedRows: 0,
      demotedRows: 0,
      toHostRows: 0,
      toStreamRows: 0,
      ...step,
    })
    const nowMs = this.#clock.now()
    const label = `${step.what}: ${step.why}`
    this.#parts.options.trace?.span({ queue: 'placement', label, startMs: nowMs, endMs: nowMs, sizeBytes: 0 })
  }

  #noteOutcome({ decision, measuredGainSeconds }: Outcome): void {
    const at = this.#steps.findLastIndex(({ what, why }) => what === decision.what && why === decision.why)
    if (at >= 0) this.#steps[at] = { ...this.#steps[at]!, measuredGainSeconds }
  }
}

function rowBytes({ cacheSpec }: BlockPlan): number {
  return cachePageBytes(cacheSpec, cacheSpec.maxPositions)
}
