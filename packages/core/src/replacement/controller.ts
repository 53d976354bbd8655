import type { Decision, Moves, Outcome, PlacementFacts, Reallocator, SweepFacts } from './reallocator.ts'
import { SweepHistory } from './sweep-history.ts'

/** Constants of the rule; the defaults are those of the notes on what others learned. */
export interface ControllerRule {
  /** Sweeps that medians are taken over. */
  readonly window: number
  /** Share by which one resource must bind over the next. */
  readonly imbalance: number
  /** Least remaining sweeps. */
  readonly leastRemaining: number
  /** Margin of the gain over the cost. */
  readonly margin: number
  /** Share of an imbalance that is moved at once: at first, and at most, since what has gained is doubled. */
  readonly firstChunk: number
  readonly mostChunk: number
  /** Share of a sweep that copies may take, where they pay at once. */
  readonly copyChunk: number
  /** Share of idle time that copies may use. */
  readonly slack: number
  /** Sweeps between decisions, and after which a decision is judged. */
  readonly dwell: number
  /** Loss that rolls a decision back. */
  readonly tolerance: number
  /** Share of what a shift was expected to gain that it must have gained to stay: less is noise, or what was expected is wrong. */
  readonly keptGain: number
  /** Decisions one after the other that may be rolled back before nothing is tried any more. */
  readonly mostTrials: number
  /** Share of the whole run that losing decisions may cost together; after that nothing is tried any more. */
  readonly mostLoss: number
  /** Share of a sweep that a decision must gain at least. */
  readonly leastGain: number
  /** Change of a link's speed after which everything learned is void. */
  readonly speedChange: number
}

/** The rule as it runs. */
export const defaultRule: ControllerRule = {
  window: 8,
  imbalance: 0.08,
  leastRemaining: 8,
  margin: 0.25,
  firstChunk: 0.15,
  mostChunk: 0.5,
  copyChunk: 0.25,
  slack: 0.8,
  dwell: 4,
  tolerance: 0.005,
  keptGain: 0.25,
  mostTrials: 3,
  mostLoss: 0.005,
  leastGain: 0.01,
  speedChange: 0.15,
}

interface Trial {
  readonly decision: Decision
  readonly atSweep: number
  readonly beforeSeconds: number
  /** By which a sweep grew longer from one to the next, before. */
  readonly growthSeconds: number
}

/**
 * Decides between sweeps what to move. Pure: what it is told is all that it knows, and the same facts give the same
 * decisions. It acts on what was measured, never on what the plan believed: room that is free is filled, KV in RAM is
 * attended where time is left, and what turns out to cost is rolled back.
 */
export class ReplacementController implements Reallocator {
  readonly #rule: ControllerRule
  readonly #history: SweepHistory
  #sweep = 0
  #nextAllowed = 0
  #backOff = 1
  #lost = 0
  #lostSeconds = 0
  #elapsedSeconds = 0
  #chunk: number
  /** Share by which a row's bytes grow from one sweep to the next: time grows by no larger one. */
  #growthShare = 0
  #lastRow: { readonly usedBytes: number; readonly atSweep: number } | undefined
  #trial: Trial | undefined
  #rollBack: Decision | undefined

  constructor(rule: ControllerRule = defaultRule) {
    this.#rule = rule
    this.#history = new SweepHistory(rule.window)
    this.#chunk = rule.firstChunk
  }

  /** Whether nothing will be tried any more. */
  get isFrozen(): boolean {
    const { mostTrials, mostLoss } = this.#rule
    const runSeconds = this.#elapsedSeconds + (this.#history.last?.remainingSweeps ?? 0) * this.#history.seconds()
    return this.#lost >= mostTrials || this.#lostSeconds > mostLoss * runSeconds
  }

  reset(): void {
    this.#history.clear()
    this.#trial = undefined
    this.#rollBack = undefined
    this.#nextAllowed = this.#sweep
    this.#backOff = 1
    this.#lost = 0
    this.#chunk = this.#rule.firstChunk
  }

  carriedOut(moves: Moves): void {
    if (this.#trial === undefined) return
    if (Object.values(moves).some((amount) => amount > 0)) {
      this.#trial = { ...this.#trial, decision: { ...this.#trial.decision, ...moves } }
      return
    }
    // Nothing was moved, so that there is nothing to judge; the same would be said again.
    this.#trial = undefined
    this.#backOff *= 2
    this.#nextAllowed = this.#sweep + this.#rule.dwell * this.#backOff
  }

  observe(facts: SweepFacts): Outcome | undefined {
    this.#sweep += 1
    this.#elapsedSeconds += facts.seconds
    if (this.#history.changesSpeed(facts, this.#rule.speedChange)) this.#startOver()
    this.#history.add(facts)
    return this.#judge()
  }

  decide(facts: PlacementFacts): Decision | undefined {
    this.#noteGrowth(facts.usedRowBytes)
    const rollBack = this.#rollBack
    this.#rollBack = undefined
    if (rollBack !== undefined) return rollBack
    const remaining = this.#history.last?.remainingSweeps
    if (remaining === undefined) return undefined
    const fill = this.#fill(facts)
    // Matrices that stay when they pass can only gain, and so does KV that leaves the disk: there is nothing to try.
    if (fill !== undefined && fill.promoteRows === 0) return fill
    if (this.isFrozen || this.#trial?.decision.what === 'shift') return undefined
    if (fill !== undefined && this.#pays(fill, facts, remaining)) return this.#begin(fill)
    const isSettled = this.#history.length >= this.#rule.dwell && this.#sweep >= this.#nextAllowed
    if (this.#trial !== undefined || !isSettled || remaining < this.#rule.leastRemaining) return undefined
    const shift = this.#shift(facts)
    return shift !== undefined && this.#pays(shift, facts, remaining) ? this.#begin(shift) : undefined
  }

  #begin(decision: Decision): Decision {
    const { dwell } = this.#rule
    // Room that is filled over several sweeps is one trial, which is judged after the last of them.
    const seconds = this.#history.seconds(dwell)
    // Sweeps of other placements are among those that it is measured over.
    const growth = Math.min(this.#history.growthSeconds(), seconds * this.#growthShare)
    const { beforeSeconds = seconds, growthSeconds = growth } = this.#trial ?? {}
    this.#trial = { decision, atSweep: this.#sweep, beforeSeconds, growthSeconds }
    this.#nextAllowed = this.#sweep + dwell * this.#backOff
    return decision
  }

  #noteGrowth(usedBytes: number): void {
    const last = this.#lastRow
    this.#lastRow = { usedBytes, atSweep: this.#sweep }
    if (last === undefined || last.usedBytes === 0 || this.#sweep === last.atSweep) return
    this.#growthShare = Math.max(0, usedBytes / last.usedBytes - 1) / (this.#sweep - last.atSweep)
  }

  /** After a change of speed: what a shift on trial was worth will not be known, and it may be itself what the link works at another speed for. */
  #startOver(): void {
    const [untold, lost, backOff] = [this.#trial?.decision, this.#lost, this.#backOff]
    this.reset()
    if (untold?.what !== 'shift') return
    this.#rollBack = reverse(untold, 'speeds changed before it was judged', 0)
    this.#lost = lost + 1
    this.#backOff = 2 * backOff
    this.#nextAllowed = this.#sweep + this.#rule.dwell * this.#backOff
  }

  /** Compares the sweeps since a decision with those before it. */
  #judge(): Outcome | undefined {
    const { dwell, tolerance, keptGain } = this.#rule
    const trial = this.#trial
    // What is copied flips a sweep later, and matrices come to stay in the next.
    const settling = trial?.decision.what === 'shift' ? 0 : 2
    if (trial === undefined || this.#sweep < trial.atSweep + settling + dwell) return undefined
    this.#trial = undefined
    const after = this.#history.seconds(dwell)
    const before = trial.beforeSeconds + trial.growthSeconds * (dwell + settling)
    const isShift = trial.decision.what === 'shift'
    const isLoss = after > before * (1 + tolerance)
    if (isLoss || (isShift && before - after < trial.decision.predictedGainSeconds * keptGain)) {
      this.#lost += 1
      this.#lostSeconds += Math.max(0, after - before) * dwell
      this.#chunk = this.#rule.firstChunk
      this.#backOff *= 2
      this.#nextAllowed = this.#sweep + dwell * this.#backOff
      const why = isLoss
        ? `sweeps took ${Math.round(100 * (after / before - 1))} % longer`
        : 'it gained little of what was expected'
      this.#rollBack = reverse(trial.decision, why, after - before)
    } else {
      this.#backOff = 1
      this.#lost = 0
      this.#chunk = Math.min(this.#rule.mostChunk, 2 * this.#chunk)
    }
    return { decision: trial.decision, measuredGainSeconds: before - after }
  }

  /** Free room: matrices first, since each of their bytes streams on every sweep; then KV of the class that binds. */
  #fill(facts: PlacementFacts): Decision | undefined {
    const { roomBytes, pinnableBytes, hostRows, streamedRows, rowBytes, usedRowBytes } = facts
    const streamRate = this.#history.streamRate()
    if (streamRate === undefined) return undefined
    if (pinnableBytes > 0) {
      return this.#predict('fill', 'room is free and weights stream', { pinBytes: pinnableBytes }, facts)
    }
    const fromDisk = this.#fromDisk(facts)
    if (fromDisk !== undefined) return fromDisk
    const promotable = Math.min(hostRows + streamedRows, Math.floor(roomBytes / Math.max(1, rowBytes)))
    if (promotable === 0) return undefined
    // A row that streams on every sweep has paid for one more pass by the second.
    const chunk = this.#rule.copyChunk * this.#history.seconds() * streamRate
    const rows = Math.floor(Math.max(chunk, this.#slackBytes(streamRate)) / Math.max(1, usedRowBytes))
    const promoteRows = Math.min(promotable, Math.max(1, rows))
    return this.#predict('fill', 'room is free and KV is elsewhere', { promoteRows }, facts)
  }

  /** KV on disk is read on every sweep, and written to: what has room comes back, a part of a sweep's time at once. */
  #fromDisk(facts: PlacementFacts): Decision | undefined {
    const { diskRows, diskRoomBytes, rowBytes, usedRowBytes } = facts
    const streamRate = this.#history.streamRate()
    const rows = Math.min(diskRows, Math.floor(diskRoomBytes / Math.max(1, rowBytes)))
    const { remainingSweeps } = this.#history.last!
    if (rows === 0 || streamRate === undefined || remainingSweeps < this.#rule.leastRemaining) return undefined
    const atOnce = (this.#rule.copyChunk * this.#history.seconds() * streamRate) / Math.max(1, usedRowBytes)
    const fromDiskRows = Math.min(rows, Math.max(1, Math.floor(atOnce)))
    const why = 'memory has room for KV that lies on disk'
    const predictedGainSeconds = (fromDiskRows * usedRowBytes) / streamRate
    return { ...noMoves, what: 'fill', why, fromDiskRows, predictedGainSeconds }
  }

  /** KV in RAM is attended where it rests or streamed to the device: whichever has time. Nothing moves, nothing is copied. */
  #shift(facts: PlacementFacts): Decision | undefined {
    const { canShift, hostRows, streamedRows, usedRowBytes } = facts
    const streamRate = this.#history.streamRate()
    if (!canShift || streamRate === undefined || hostRows + streamedRows === 0) return undefined
    const { imbalance } = this.#rule
    const [stream, chain] = [this.#history.busy('stream'), this.#chainSeconds()]
    const streamPerRow = usedRowBytes / streamRate
    const hostPerRow = hostRows > 0 ? this.#history.busy('host') / hostRows : streamPerRow
    const rows = Math.ceil((Math.abs(stream - chain) / Math.max(1e-9, streamPerRow + hostPerRow)) * this.#chunk)
    if (chain > stream * (1 + imbalance)) {
      const why = `attention on the host, with the device where they wait in turn, is busy for ${times(chain, stream)} of the link's time`
      return this.#predict('shift', why, { toStreamRows: Math.min(rows, hostRows) }, facts)
    }
    if (stream > chain * (1 + imbalance)) {
      const why = `the link is busy for ${times(stream, chain)} of the time of attention on the host, and of the device where they wait in turn`
      return this.#predict('shift', why, { toHostRows: Math.min(rows, streamedRows) }, facts)
    }
    return undefined
  }

  /**
   * How long attention on the host takes with all that waits for it. Where the host attends and neither link nor device fills a
   * sweep, it is what they wait for: all of the sweep is its.
   */
  #chainSeconds(): number {
    const [chain, stream, device] = [
      this.#history.busy('chain'),
      this.#history.busy('stream'),
      this.#history.busy('device'),
    ]
    const seconds = this.#history.seconds()
    const attends = this.#history.busy('host') > 0
    const waits = attends && Math.max(stream, device) < seconds * (1 - this.#rule.imbalance)
    return waits ? Math.max(chain, seconds) : chain
  }

  /** Bytes that fit in the idle time of the link in one sweep. */
  #slackBytes(streamRate: number): number {
    const idle = Math.max(0, this.#history.seconds() - this.#history.busy('stream'))
    return idle * this.#rule.slack * streamRate
  }

  #predict(what: Decision['what'], why: string, moves: Partial<Decision>, facts: PlacementFacts): Decision {
    const decision = { ...noMoves, ...moves, what, why }
    const streamRate = this.#history.streamRate()!
    const [stream, chain] = [this.#history.busy('stream'), this.#chainSeconds()]
    const [host, device] = [this.#history.busy('host'), this.#history.busy('device')]
    const { hostRows, streamedRows, usedRowBytes, canShift } = facts
    const streamPerRow = usedRowBytes / streamRate
    const hostPerRow = hostRows > 0 ? host / hostRows : streamPerRow
    // Rows that come to the device leave both classes alike; rows that leave it go to the host where it attends.
    const ofHost = hostRows / Math.max(1, hostRows + streamedRows)
    const toHost = decision.toHostRows - decision.toStreamRows + (canShift ? decision.demoteRows : 0)
    const toStream = decision.toStreamRows - decision.toHostRows + (canShift ? 0 : decision.demoteRows)
    const bytes = decision.dropBytes - decision.pinBytes
    const streamAfter = stream + bytes / streamRate + (toStream - decision.promoteRows * (1 - ofHost)) * streamPerRow
    const chainAfter = chain + (toHost - decision.promoteRows * ofHost) * hostPerRow
    const predictedGainSeconds = Math.max(stream, chain, device) - Math.max(streamAfter, chainAfter, device, 0)
    return { ...decision, predictedGainSeconds }
  }

  /** Whether a decision gains more than it costs in what is left of the run. */
  #pays(decision: Decision, { usedRowBytes }: PlacementFacts, remainingSweeps: number): boolean {
    const gain = decision.predictedGainSeconds
    if (gain <= this.#history.seconds() * this.#rule.leastGain) return false
    const streamRate = this.#history.streamRate()!
    const copied = decision.promoteRows * usedRowBytes
    const cost = Math.max(0, copied - this.#slackBytes(streamRate)) / streamRate
    return remainingSweeps * gain >= (1 + this.#rule.margin) * cost
  }
}

const noMoves = {
  pinBytes: 0,
  dropBytes: 0,
  promoteRows: 0,
  demoteRows: 0,
  toHostRows: 0,
  toStreamRows: 0,
  fromDiskRows: 0,
  toDiskRows: 0,
  predictedGainSeconds: 0,
}

function reverse(decision: Decision, why: string, predictedGainSeconds: number): Decision {
  return {
    what: 'roll back',
    why,
    pinBytes: decision.dropBytes,
    dropBytes: decision.pinBytes,
    promoteRows: decision.demoteRows,
    demoteRows: decision.promoteRows,
    toHostRows: decision.toStreamRows,
    toStreamRows: decision.toHostRows,
    fromDiskRows: 0,
    toDiskRows: 0,
    predictedGainSeconds,
  }
}

function times(more: number, less: number): string {
  return less === 0 ? 'all' : `${(more / less).toFixed(2)} times`
}
