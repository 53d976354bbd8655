import type { Decision, Outcome, PlacementFacts, Reallocator, SweepFacts } from './reallocator.ts'
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
  /** Share of an imbalance that is moved at once; of what costs nothing to move back, and of what is copied. */
  readonly freeChunk: number
  readonly copyChunk: number
  /** Share of idle time that copies may use. */
  readonly slack: number
  /** Sweeps between decisions, and after which a decision is judged. */
  readonly dwell: number
  /** Loss that rolls a decision back. */
  readonly tolerance: number
  /** Decisions that may be rolled back before nothing is tried any more. */
  readonly mostTrials: number
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
  freeChunk: 0.5,
  copyChunk: 0.25,
  slack: 0.8,
  dwell: 4,
  tolerance: 0.02,
  mostTrials: 3,
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

/** KV that is so far filled is worth its memory about as much as weights are. */
const filledShare = 0.8

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
  #trial: Trial | undefined
  #rollBack: Decision | undefined

  constructor(rule: ControllerRule = defaultRule) {
    this.#rule = rule
    this.#history = new SweepHistory(rule.window)
  }

  /** Whether nothing will be tried any more. */
  get isFrozen(): boolean {
    return this.#lost >= this.#rule.mostTrials
  }

  reset(): void {
    this.#history.clear()
    this.#trial = undefined
    this.#rollBack = undefined
    this.#nextAllowed = this.#sweep
    this.#backOff = 1
    this.#lost = 0
  }

  observe(facts: SweepFacts): Outcome | undefined {
    this.#sweep += 1
    if (this.#history.changesSpeed(facts, this.#rule.speedChange)) this.reset()
    this.#history.add(facts)
    return this.#judge()
  }

  decide(facts: PlacementFacts): Decision | undefined {
    const rollBack = this.#rollBack
    this.#rollBack = undefined
    if (rollBack !== undefined) return rollBack
    const remaining = this.#history.last?.remainingSweeps
    if (remaining === undefined || this.isFrozen || this.#isTrying('shift') || this.#isTrying('exchange')) {
      return undefined
    }
    const fill = this.#fill(facts)
    if (fill !== undefined && this.#pays(fill, facts, remaining)) return this.#begin(fill)
    const isSettled = this.#history.length >= this.#rule.dwell && this.#sweep >= this.#nextAllowed
    if (this.#trial !== undefined || !isSettled || remaining < this.#rule.leastRemaining) return undefined
    for (const decision of [this.#shift(facts), this.#exchange(facts)]) {
      if (decision !== undefined && this.#pays(decision, facts, remaining)) return this.#begin(decision)
    }
    return undefined
  }

  #isTrying(what: Decision['what']): boolean {
    return this.#trial?.decision.what === what
  }

  #begin(decision: Decision): Decision {
    const { dwell } = this.#rule
    // Room that is filled over several sweeps is one trial, which is judged after the last of them.
    const { beforeSeconds = this.#history.seconds(dwell), growthSeconds = this.#history.growthSeconds() } =
      this.#trial ?? {}
    this.#trial = { decision, atSweep: this.#sweep, beforeSeconds, growthSeconds }
    this.#nextAllowed = this.#sweep + dwell * this.#backOff
    return decision
  }

  /** Compares the sweeps since a decision with those before it. */
  #judge(): Outcome | undefined {
    const { dwell, tolerance } = this.#rule
    const trial = this.#trial
    // What is copied flips a sweep later, and matrices come to stay in the next.
    const settling = trial?.decision.what === 'shift' ? 0 : 2
    if (trial === undefined || this.#sweep < trial.atSweep + settling + dwell) return undefined
    this.#trial = undefined
    const after = this.#history.seconds(dwell)
    const before = trial.beforeSeconds + trial.growthSeconds * (dwell + settling)
    if (after > before * (1 + tolerance)) {
      this.#lost += 1
      this.#backOff *= 2
      this.#nextAllowed = this.#sweep + dwell * this.#backOff
      this.#rollBack = reverse(trial.decision, after / before - 1, after - before)
    } else this.#backOff = 1
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
    const promotable = Math.min(hostRows + streamedRows, Math.floor(roomBytes / Math.max(1, rowBytes)))
    if (promotable === 0) return undefined
    // A row that streams on every sweep has paid for one more pass by the second.
    const chunk = this.#rule.copyChunk * this.#history.seconds() * streamRate
    const rows = Math.floor(Math.max(chunk, this.#slackBytes(streamRate)) / Math.max(1, usedRowBytes))
    const promoteRows = Math.min(promotable, Math.max(1, rows))
    return this.#predict('fill', 'room is free and KV is elsewhere', { promoteRows }, facts)
  }

  /** KV in RAM is attended where it rests or streamed to the device: whichever has time. Nothing moves, nothing is copied. */
  #shift(facts: PlacementFacts): Decision | undefined {
    const { canShift, hostRows, streamedRows, usedRowBytes } = facts
    const streamRate = this.#history.streamRate()
    if (!canShift || streamRate === undefined || hostRows + streamedRows === 0) return undefined
    const { imbalance, freeChunk } = this.#rule
    const [stream, host] = [this.#history.busy('stream'), this.#history.busy('host')]
    const streamPerRow = usedRowBytes / streamRate
    const hostPerRow = hostRows > 0 ? host / hostRows : streamPerRow
    const rows = Math.ceil((Math.abs(stream - host) / Math.max(1e-9, streamPerRow + hostPerRow)) * freeChunk)
    if (host > stream * (1 + imbalance)) {
      const why = `attention on the host is busy for ${times(host, stream)} of the link's time`
      return this.#predict('shift', why, { toStreamRows: Math.min(rows, hostRows) }, facts)
    }
    if (stream > host * (1 + imbalance)) {
      const why = `the link is busy for ${times(stream, host)} of the time of attention on the host`
      return this.#predict('shift', why, { toHostRows: Math.min(rows, streamedRows) }, facts)
    }
    return undefined
  }

  /** Memory of KV that is hardly filled goes to matrices, which stream whole. */
  #exchange(facts: PlacementFacts): Decision | undefined {
    const { rowBytes, usedRowBytes, deviceRows, streamedBytes } = facts
    const streamRate = this.#history.streamRate()
    if (streamRate === undefined || deviceRows === 0 || streamedBytes === 0) return undefined
    const { remainingSweeps } = this.#history.last!
    // What a row will have on average until the end, were every sweep to add as much as it has a share of now.
    const filled = Math.min(1, (usedRowBytes / rowBytes + 1) / 2)
    if (filled > filledShare || remainingSweeps < 2 * this.#rule.leastRemaining) return undefined
    const most = Math.min(deviceRows, Math.ceil(streamedBytes / rowBytes))
    const slackRows = Math.floor((this.#history.seconds() * this.#rule.slack * streamRate) / usedRowBytes)
    const demoteRows = Math.min(most, Math.max(1, Math.floor(slackRows * this.#rule.copyChunk)))
    const why = `KV on the device is filled to ${Math.round((100 * usedRowBytes) / rowBytes)} %, and weights stream`
    return this.#predict('exchange', why, { demoteRows, pinBytes: demoteRows * rowBytes }, facts)
  }

  /** Bytes that fit in the idle time of the link in one sweep. */
  #slackBytes(streamRate: number): number {
    const idle = Math.max(0, this.#history.seconds() - this.#history.busy('stream'))
    return idle * this.#rule.slack * streamRate
  }

  #predict(what: Decision['what'], why: string, moves: Partial<Decision>, facts: PlacementFacts): Decision {
    const decision = { ...noMoves, ...moves, what, why }
    const streamRate = this.#history.streamRate()!
    const [stream, host, device] = (['stream', 'host', 'device'] as const).map((name) => this.#history.busy(name)) as [
      number,
      number,
      number,
    ]
    const { hostRows, streamedRows, usedRowBytes, canShift } = facts
    const streamPerRow = usedRowBytes / streamRate
    const hostPerRow = hostRows > 0 ? host / hostRows : streamPerRow
    // Rows that come to the device leave both classes alike; rows that leave it go to the host where it attends.
    const ofHost = hostRows / Math.max(1, hostRows + streamedRows)
    const toHost = decision.toHostRows - decision.toStreamRows + (canShift ? decision.demoteRows : 0)
    const toStream = decision.toStreamRows - decision.toHostRows + (canShift ? 0 : decision.demoteRows)
    const bytes = decision.dropBytes - decision.pinBytes
    const streamAfter = stream + bytes / streamRate + (toStream - decision.promoteRows * (1 - ofHost)) * streamPerRow
    const hostAfter = host + (toHost - decision.promoteRows * ofHost) * hostPerRow
    const predictedGainSeconds = Math.max(stream, host, device) - Math.max(streamAfter, hostAfter, device, 0)
    return { ...decision, predictedGainSeconds }
  }

  /** Whether a decision gains more than it costs in what is left of the run. */
  #pays(decision: Decision, { usedRowBytes }: PlacementFacts, remainingSweeps: number): boolean {
    // What stays when it passes costs nothing, and takes load off the link even where that does not bind.
    if (decision.what === 'fill' && decision.promoteRows === 0) return true
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
  predictedGainSeconds: 0,
}

function reverse(decision: Decision, share: number, predictedGainSeconds: number): Decision {
  return {
    what: 'roll back',
    why: `sweeps took ${Math.round(100 * share)} % longer`,
    pinBytes: decision.dropBytes,
    dropBytes: decision.pinBytes,
    promoteRows: decision.demoteRows,
    demoteRows: decision.promoteRows,
    toHostRows: decision.toStreamRows,
    toStreamRows: decision.toHostRows,
    predictedGainSeconds,
  }
}

function times(more: number, less: number): string {
  return less === 0 ? 'all' : `${(more / less).toFixed(2)} times`
}
