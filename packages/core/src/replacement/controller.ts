import type { ResourceName, SweepUse } from './sweep-use.ts'
import { median } from './median.ts'

/** What can be moved between two sweeps, and what it weighs. */
export interface PlacementFacts {
  /** Bytes that are free where pins and KV of the device live. */
  readonly roomBytes: number
  /** Bytes of matrices that are pinned, and of those that stream on every sweep. */
  readonly pinnedBytes: number
  readonly streamedBytes: number
  /** Bytes of whole matrices that the room would take. */
  readonly pinnableBytes: number
  /** KV by (layer, sequence) on the device and elsewhere, of those that may move; 0 and 0 where none may. */
  readonly deviceRows: number
  readonly awayRows: number
  /** Memory that a row takes, and what of it is in use now. */
  readonly rowBytes: number
  readonly usedRowBytes: number
  /** Whether KV off the device is attended on the host; else it streams like weights. */
  readonly hostAttends: boolean
}

/** What a sweep took. */
export interface SweepFacts {
  readonly seconds: number
  readonly use: SweepUse
  /** Sweeps that will follow, as far as it is known. */
  readonly remainingSweeps: number
}

/** What to move before the next sweep. */
export interface Decision {
  readonly what: 'fill' | 'exchange' | 'roll back'
  readonly why: string
  readonly pinBytes: number
  readonly dropBytes: number
  readonly promoteRows: number
  readonly demoteRows: number
  readonly predictedGainSeconds: number
  /** Gives up KV that is on its way. */
  readonly abortsMoves?: boolean
}

/** What came of a decision. */
export interface Outcome {
  readonly decision: Decision
  readonly measuredGainSeconds: number
}

/** A rule of what to move. */
export interface Reallocator {
  /** Takes in a decode sweep. @returns what came of the last decision, once that can be said */
  observe(facts: SweepFacts): Outcome | undefined
  /** What to move now; undefined for nothing. */
  decide(facts: PlacementFacts): Decision | undefined
  /** Forgets what was measured: after it the same placement takes another time. */
  reset(): void
}

/** Constants of the rule; the defaults are those of the notes on what others learned. */
export interface ControllerRule {
  /** Samples that medians are taken over. */
  readonly window: number
  /** Share by which one resource must bind over the next. */
  readonly imbalance: number
  /** Least remaining sweeps. */
  readonly leastRemaining: number
  /** Margin of the gain over the cost. */
  readonly margin: number
  /** Share of an imbalance that is moved at once, and of idle time that moves may use. */
  readonly chunk: number
  readonly slack: number
  /** Sweeps between decisions, and after which a decision is judged. */
  readonly dwell: number
  /** Loss that rolls a decision back. */
  readonly tolerance: number
  /** Decisions that may be rolled back before nothing is tried any more. */
  readonly mostTrials: number
}

/** The rule as it runs. */
export const defaultRule: ControllerRule = {
  window: 8,
  imbalance: 0.08,
  leastRemaining: 8,
  margin: 0.25,
  chunk: 0.25,
  slack: 0.8,
  dwell: 4,
  tolerance: 0.02,
  mostTrials: 3,
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
 * decisions. It acts on what was measured, never on what the plan believed: room that is free is filled; memory goes from
 * the class whose link is idle to the one whose link binds; and what turns out to cost is rolled back.
 */
export class ReplacementController implements Reallocator {
  readonly #rule: ControllerRule
  #samples: SweepFacts[] = []
  #sweep = 0
  #nextAllowed = 0
  #backOff = 1
  #lost = 0
  #trial: Trial | undefined
  #rates: { readonly stream: number; readonly host: number } | undefined

  constructor(rule: ControllerRule = defaultRule) {
    this.#rule = rule
  }

  /** Whether nothing will be tried any more. */
  get isFrozen(): boolean {
    return this.#lost >= this.#rule.mostTrials
  }

  /** Forgets what was measured: after it the same placement takes another time. Trials begin anew, too. */
  reset(): void {
    this.#samples = []
    this.#trial = undefined
    this.#nextAllowed = this.#sweep
    this.#backOff = 1
    this.#lost = 0
  }

  /** Takes in a decode sweep. @returns what came of the last decision, once that can be said */
  observe(facts: SweepFacts): Outcome | undefined {
    this.#sweep += 1
    this.#noticeSpeed(facts)
    this.#samples.push(facts)
    if (this.#samples.length > this.#rule.window) this.#samples.shift()
    return this.#judge()
  }

  /** What to move now; undefined for nothing. */
  decide(facts: PlacementFacts): Decision | undefined {
    const rollBack = this.#pendingRollBack
    if (rollBack !== undefined) {
      this.#pendingRollBack = undefined
      return rollBack
    }
    const { dwell, leastRemaining } = this.#rule
    const last = this.#samples.at(-1)
    if (last === undefined || this.isFrozen || this.#trial?.decision.what === 'exchange') return undefined
    const fill = this.#fill(facts)
    if (fill !== undefined && this.#pays(fill, facts, last.remainingSweeps)) return this.#begin(fill)
    if (this.#trial !== undefined) return undefined
    if (this.#samples.length < dwell || this.#sweep < this.#nextAllowed || last.remainingSweeps < leastRemaining) {
      return undefined
    }
    const exchange = this.#exchange(facts)
    if (exchange !== undefined && this.#pays(exchange, facts, last.remainingSweeps)) return this.#begin(exchange)
    return undefined
  }

  #pendingRollBack: Decision | undefined

  #begin(decision: Decision): Decision {
    const seconds = this.#samples.map((sample) => sample.seconds)
    const growthSeconds = seconds.length < 4 ? 0 : Math.max(0, (seconds.at(-1)! - seconds[0]!) / (seconds.length - 1))
    // Room that is filled over several sweeps is one trial, which is judged after the last of them.
    const beforeSeconds = this.#trial?.beforeSeconds ?? median(seconds.slice(-this.#rule.dwell))
    this.#trial = {
      decision,
      atSweep: this.#sweep,
      beforeSeconds,
      growthSeconds: this.#trial?.growthSeconds ?? growthSeconds,
    }
    this.#nextAllowed = this.#sweep + this.#rule.dwell * this.#backOff
    return decision
  }

  /** Compares the sweeps since a decision with those before it. */
  #judge(): Outcome | undefined {
    const { dwell, tolerance } = this.#rule
    const trial = this.#trial
    // In the first sweep KV is copied, in the second matrices come to stay.
    if (trial === undefined || this.#sweep < trial.atSweep + 2 + dwell) return undefined
    this.#trial = undefined
    const after = median(this.#samples.slice(-dwell).map(({ seconds }) => seconds))
    const before = trial.beforeSeconds + trial.growthSeconds * (dwell + 2)
    const measuredGainSeconds = before - after
    if (after > before * (1 + tolerance)) {
      this.#lost += 1
      this.#backOff *= 2
      this.#nextAllowed = this.#sweep + dwell * this.#backOff
      const { pinBytes, dropBytes, promoteRows, demoteRows } = trial.decision
      this.#pendingRollBack = {
        what: 'roll back',
        why: `sweeps took ${percent(after / before - 1)} longer`,
        pinBytes: dropBytes,
        dropBytes: pinBytes,
        promoteRows: demoteRows,
        demoteRows: promoteRows,
        predictedGainSeconds: after - before,
      }
    }
    return { decision: trial.decision, measuredGainSeconds }
  }

  /** A link that runs at another speed makes what was learned void. */
  #noticeSpeed({ use }: SweepFacts): void {
    const rates = { stream: rate(use.stream), host: rate(use.host) }
    const known = this.#rates
    const changed = (name: 'stream' | 'host'): boolean =>
      known !== undefined && known[name] > 0 && rates[name] > 0 && Math.abs(rates[name] / known[name] - 1) > 0.15
    if (changed('stream')) {
      this.reset()
      this.#rates = rates
    } else this.#rates = known ?? rates
  }

  #busy(name: ResourceName): number {
    return median(this.#samples.map(({ use }) => use[name].busySeconds))
  }

  #seconds(): number {
    return median(this.#samples.map(({ seconds }) => seconds))
  }

  /** Bytes a second of what streams; undefined where nothing was measured. */
  #streamRate(): number | undefined {
    const rates = this.#samples.map(({ use }) => rate(use.stream)).filter((value) => value > 0)
    return rates.length === 0 ? undefined : median(rates)
  }

  /** Seconds on the host that a row of KV takes. */
  #hostSecondsPerRow({ awayRows }: PlacementFacts): number {
    return awayRows === 0 ? 0 : this.#busy('host') / awayRows
  }

  /** Free room: to what binds. */
  #fill(facts: PlacementFacts): Decision | undefined {
    const { roomBytes, pinnableBytes: pinBytes, awayRows, rowBytes, usedRowBytes, hostAttends } = facts
    const [stream, host] = [this.#busy('stream'), this.#busy('host')]
    const streamRate = this.#streamRate()
    if (streamRate === undefined) return undefined
    const promotable = Math.min(awayRows, Math.floor(roomBytes / Math.max(1, rowBytes)))
    if (hostAttends && host > stream && promotable > 0) {
      const rows = Math.min(promotable, this.#rowsInSlack(usedRowBytes, streamRate))
      return this.#predict('fill', 'room is free and attention on the host binds', { promoteRows: rows }, facts)
    }
    if (pinBytes > 0) return this.#predict('fill', 'room is free and weights stream', { pinBytes }, facts)
    if (!hostAttends && promotable > 0) {
      // A row that streams on every sweep has paid for one more pass by the second.
      const quarter = Math.floor((this.#rule.chunk * this.#seconds() * streamRate) / Math.max(1, usedRowBytes))
      const rows = Math.min(promotable, Math.max(quarter, this.#rowsInSlack(usedRowBytes, streamRate)))
      return this.#predict('fill', 'room is free and KV streams', { promoteRows: rows }, facts)
    }
    return undefined
  }

  /** Memory of the device from the class whose link is idle to the one whose link binds. */
  #exchange(facts: PlacementFacts): Decision | undefined {
    const { hostAttends, rowBytes, usedRowBytes, deviceRows, awayRows, pinnedBytes, streamedBytes } = facts
    const streamRate = this.#streamRate()
    if (!hostAttends || streamRate === undefined || rowBytes === 0) return undefined
    const [stream, host, device] = [this.#busy('stream'), this.#busy('host'), this.#busy('device')]
    const { imbalance, chunk } = this.#rule
    const perRow = awayRows > 0 ? this.#hostSecondsPerRow(facts) : usedRowBytes / streamRate
    // A row's memory holds so many bytes of weights.
    const streamPerRow = rowBytes / streamRate
    const rows = Math.floor((Math.abs(stream - host) / (perRow + streamPerRow)) * chunk)
    if (host > Math.max(stream, device) * (1 + imbalance)) {
      const most = Math.floor(pinnedBytes / rowBytes)
      const promoteRows = Math.min(Math.max(1, rows), awayRows, most, this.#rowsInSlack(usedRowBytes, streamRate))
      if (promoteRows < 1) return undefined
      const why = `attention on the host binds by ${percent(host / Math.max(stream, device) - 1)}`
      return this.#predict('exchange', why, { promoteRows, dropBytes: promoteRows * rowBytes }, facts)
    }
    if (stream > Math.max(host, device) * (1 + imbalance)) {
      const most = Math.ceil(streamedBytes / rowBytes)
      const demoteRows = Math.min(Math.max(1, rows), deviceRows, most)
      if (demoteRows < 1) return undefined
      const why = `the link binds by ${percent(stream / Math.max(host, device) - 1)}`
      return this.#predict('exchange', why, { demoteRows, pinBytes: demoteRows * rowBytes }, facts)
    }
    return undefined
  }

  /** Rows whose copy fits in the idle time of the link in one sweep. */
  #rowsInSlack(usedRowBytes: number, streamRate: number): number {
    const idle = Math.max(0, this.#seconds() - this.#busy('stream')) * this.#rule.slack
    return Math.max(1, Math.floor((idle * streamRate) / Math.max(1, usedRowBytes)))
  }

  #predict(
    what: Decision['what'],
    why: string,
    moves: Partial<Omit<Decision, 'what' | 'why' | 'predictedGainSeconds'>>,
    facts: PlacementFacts,
  ): Decision {
    const decision = { what, why, pinBytes: 0, dropBytes: 0, promoteRows: 0, demoteRows: 0, ...moves }
    const streamRate = this.#streamRate()!
    const [stream, host, device] = [this.#busy('stream'), this.#busy('host'), this.#busy('device')]
    const rows = decision.demoteRows - decision.promoteRows
    const cacheSeconds = facts.hostAttends ? 0 : (rows * facts.usedRowBytes) / streamRate
    const streamAfter = stream + (decision.dropBytes - decision.pinBytes) / streamRate + cacheSeconds
    const perRow = facts.awayRows > 0 ? this.#hostSecondsPerRow(facts) : facts.usedRowBytes / streamRate
    const hostAfter = facts.hostAttends ? host + rows * perRow : host
    const before = Math.max(stream, host, device)
    const after = Math.max(streamAfter, hostAfter, device, 0)
    return { ...decision, predictedGainSeconds: before - after }
  }

  /** Whether a decision gains more than it costs in what is left of the run. */
  #pays(decision: Decision, { usedRowBytes }: PlacementFacts, remainingSweeps: number): boolean {
    const { margin, slack } = this.#rule
    const gain = decision.predictedGainSeconds
    // What stays when it passes costs nothing, and takes load off the link even where that does not bind.
    if (decision.what === 'fill' && decision.promoteRows === 0) return true
    if (gain <= this.#seconds() * 0.002) return false
    const streamRate = this.#streamRate()!
    const idle = Math.max(0, this.#seconds() - this.#busy('stream')) * slack
    const cost = Math.max(0, (decision.promoteRows * usedRowBytes) / streamRate - idle)
    return remainingSweeps * gain >= (1 + margin) * cost
  }
}

function rate({ bytes, busySeconds }: { readonly bytes: number; readonly busySeconds: number }): number {
  return busySeconds === 0 ? 0 : bytes / busySeconds
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
