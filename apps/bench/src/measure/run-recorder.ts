import type { TraceSink, TraceSpan } from '@flexgen/spec'
import { coveredMs, type Interval } from './busy-time.ts'
import { type DeviceLink, deviceLinkOf, deviceLinks } from './device-link.ts'
import type { LinkShare, Phase, QueueShare, Timeline } from './measurement.ts'

/** The queue on which layers are computed, how its spans of layers begin, and how those end that attention follows. */
const compute = { queue: 'compute', label: 'run ', firstPart: '.before' } as const

/** What a recorder is made for. */
export interface RunRecorderOptions {
  /** Token whose step becomes the time line; undefined for none. */
  readonly timelineToken: number | undefined
  /** Gpu batches of a block: so many kernel runs make one layer step at most, fewer where batches decode together. */
  readonly batches: number
  /** Told the number of decode layer steps so far, after each. */
  readonly onLayerStep?: (steps: number) => void
}

/** Work of a queue, or of all queues on a link. */
interface WorkRecord {
  /** Of the sweep under way. */
  intervals: Interval[]
  /** Of sweeps that have ended, by phase; not measured yet. */
  ended: (readonly [phase: Phase, intervals: readonly Interval[]])[]
  busyMs: Record<Phase, number>
  sizeBytes: Record<Phase, number>
  /** Of the sweep under way. */
  sweepBytes: number
}

/** A step and the spans that were told of meanwhile. */
interface TimedStep {
  readonly token: number
  readonly spans: readonly TraceSpan[]
  readonly startMs: number
  readonly endMs: number
}

/** Collects from the trace of a run how long each queue worked, the time line of one step, and the layer steps. */
export class RunRecorder implements TraceSink {
  /** Seconds of each decode layer step: one layer for all gpu batches. */
  readonly layerStepSeconds: number[] = []
  readonly #options: RunRecorderOptions
  readonly #queues = new Map<string, WorkRecord>()
  readonly #links = new Map<DeviceLink, WorkRecord>()
  readonly #phaseMs: Record<Phase, number> = zeroes()
  #isOn = false
  #phase: Phase = 'prefill'
  #token = 0
  #sweepStartMs = 0
  #stepStartMs = 0
  /** Of the layer under way. */
  #computeRuns = 0
  /** Known once the first layer of a sweep is through: its runs bear one label. */
  #runsPerLayer: number | undefined
  #firstRun: { readonly label: string; readonly endMs: number } | undefined
  #spans: TraceSpan[] = []
  /** Whether sweeps have ended that were not measured yet: between two sweeps the device waits, and then is no time for it. */
  #hasEnded = false
  /** The step that was asked for, once it has ended. */
  #step: TimedStep | undefined

  constructor(options: RunRecorderOptions) {
    this.#options = options
  }

  /** A run begins: its first sweep makes token 0. */
  begin(nowMs: number): void {
    this.#isOn = true
    this.#beginSweep(0, nowMs)
  }

  /**
   * A sweep has ended, the next one makes `nextToken` (0 for the first of a new block).
   * @param phase what the sweep was; that of its token by default, but prompts may come between tokens
   */
  endSweep(nextToken: number, nowMs: number, phase: Phase = this.#phase): void {
    if (!this.#isOn) return
    this.#phase = phase
    if (this.#token === this.#options.timelineToken && this.#step === undefined) {
      this.#step = { token: this.#token, spans: this.#spans, startMs: this.#sweepStartMs, endMs: nowMs }
    }
    this.#settle(nowMs)
    this.#beginSweep(nextToken, nowMs)
  }

  /** The run has ended, perhaps within a sweep; later spans are not counted. */
  end(nowMs: number): void {
    this.#settle(nowMs)
    this.#measureEnded()
    this.#isOn = false
  }

  span(span: TraceSpan): void {
    if (!this.#isOn) return
    if (this.#hasEnded) this.#measureEnded()
    const { queue, endMs } = span
    count(this.#queues, queue, span)
    const link = deviceLinkOf(span.label)
    if (link !== undefined) count(this.#links, link, span)
    if (this.#token === this.#options.timelineToken && this.#step === undefined) this.#spans.push(span)
    if (this.#phase === 'decode' && queue === compute.queue && isWholeLayer(span.label))
      this.#countRun(span.label, endMs)
  }

  /** Work of each queue by phase, of queues that worked at all. */
  get queues(): QueueShare[] {
    return [...this.#queues].flatMap(([queue, { busyMs, sizeBytes }]) =>
      (['prefill', 'decode'] as const)
        .filter((phase) => busyMs[phase] > 0 || sizeBytes[phase] > 0)
        .map((phase) => ({ queue, phase, busySeconds: busyMs[phase] / 1000, sizeBytes: sizeBytes[phase] })),
    )
  }

  /** Work of each direction of the link to the device: time in which a copy of any queue was under way. */
  get deviceLinks(): LinkShare[] {
    return deviceLinks.flatMap((link) => {
      const record = this.#links.get(link)
      if (record === undefined) return []
      const { busyMs, sizeBytes } = record
      return (['prefill', 'decode'] as const)
        .filter((phase) => sizeBytes[phase] > 0)
        .map((phase) => ({ link, phase, busySeconds: busyMs[phase] / 1000, sizeBytes: sizeBytes[phase] }))
    })
  }

  /** Time of each phase that was run, without what was projected. */
  get phaseSeconds(): Record<Phase, number> {
    return { prefill: this.#phaseMs.prefill / 1000, decode: this.#phaseMs.decode / 1000 }
  }

  /** The step that was asked for; undefined before it has ended. */
  get timeline(): Timeline | undefined {
    return this.#step && timelineOf(this.#step)
  }

  #beginSweep(token: number, nowMs: number): void {
    this.#token = token
    this.#phase = token === 0 ? 'prefill' : 'decode'
    this.#sweepStartMs = this.#stepStartMs = nowMs
    this.#spans = []
    this.#computeRuns = 0
    this.#runsPerLayer = undefined
    this.#firstRun = undefined
  }

  #countRun(label: string, endMs: number): void {
    if (this.#firstRun !== undefined && this.#runsPerLayer === undefined && this.#firstRun.label !== label) {
      this.#runsPerLayer = this.#computeRuns
      this.#endStep(this.#firstRun.endMs)
    }
    if (this.#runsPerLayer === undefined) this.#firstRun = { label, endMs }
    this.#computeRuns++
    if (this.#computeRuns < (this.#runsPerLayer ?? this.#options.batches)) return
    this.#runsPerLayer ??= this.#computeRuns
    this.#endStep(endMs)
  }

  #endStep(endMs: number): void {
    this.#computeRuns = 0
    this.layerStepSeconds.push((endMs - this.#stepStartMs) / 1000)
    this.#stepStartMs = endMs
    this.#options.onLayerStep?.(this.layerStepSeconds.length)
  }

  /** What a queue did in a sweep counts as that phase's, also where it prepared the next. */
  #settle(nowMs: number): void {
    this.#phaseMs[this.#phase] += nowMs - this.#sweepStartMs
    for (const record of this.#records) {
      record.ended.push([this.#phase, record.intervals])
      record.intervals = []
      record.sizeBytes[this.#phase] += record.sweepBytes
      record.sweepBytes = 0
    }
    this.#hasEnded = true
  }

  #measureEnded(): void {
    this.#hasEnded = false
    for (const { busyMs, ended } of this.#records) {
      for (const [phase, intervals] of ended.splice(0)) busyMs[phase] += coveredMs(intervals)
    }
  }

  get #records(): readonly WorkRecord[] {
    return [...this.#queues.values(), ...this.#links.values()]
  }
}

function count<Name>(records: Map<Name, WorkRecord>, name: Name, { startMs, endMs, sizeBytes }: TraceSpan): void {
  const record = records.get(name) ?? { intervals: [], ended: [], busyMs: zeroes(), sizeBytes: zeroes(), sweepBytes: 0 }
  records.set(name, record)
  record.intervals.push([startMs, endMs])
  record.sweepBytes += sizeBytes
}

/** Whether a run ends a layer; where the host attends, one run comes before attention and one behind it. */
function isWholeLayer(label: string): boolean {
  return label.startsWith(compute.label) && !label.endsWith(compute.firstPart)
}

function zeroes(): Record<Phase, number> {
  return { prefill: 0, decode: 0 }
}

/** Spans cut to the step and counted from its start. */
function timelineOf({ token, spans, startMs, endMs }: TimedStep): Timeline {
  const within = (ms: number): number => Math.min(Math.max(ms - startMs, 0), endMs - startMs)
  return {
    token,
    durationMs: endMs - startMs,
    spans: spans
      .filter((span) => span.endMs > startMs && span.startMs < endMs)
      .map((span) => ({ ...span, startMs: within(span.startMs), endMs: within(span.endMs) })),
  }
}
