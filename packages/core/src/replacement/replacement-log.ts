import type { Clock, TraceSink } from '@flexgen/spec'
import type { Outcome } from './reallocator.ts'
import type { PlacementSample, ReplacementStep } from './replacement-options.ts'

/** What re-placement did in a run, step by step; in the trace, too. */
export class ReplacementLog {
  readonly #clock: Clock
  readonly #trace: TraceSink | undefined
  readonly #steps: ReplacementStep[] = []
  readonly #timeline: PlacementSample[] = []

  constructor(clock: Clock, trace: TraceSink | undefined) {
    this.#clock = clock
    this.#trace = trace
  }

  get steps(): readonly ReplacementStep[] {
    return this.#steps
  }

  get timeline(): readonly PlacementSample[] {
    return this.#timeline
  }

  note(step: Pick<ReplacementStep, 'sweep' | 'what' | 'why'> & Partial<ReplacementStep>): void {
    this.#steps.push({
      pinnedBytes: 0,
      droppedBytes: 0,
      leftRamBytes: 0,
      returnedRamBytes: 0,
      promotedRows: 0,
      demotedRows: 0,
      toHostRows: 0,
      toStreamRows: 0,
      fromDiskRows: 0,
      toDiskRows: 0,
      ...step,
    })
    const nowMs = this.#clock.now()
    const label = `${step.what}: ${step.why}`
    this.#trace?.span({ queue: 'placement', label, startMs: nowMs, endMs: nowMs, sizeBytes: 0 })
  }

  /** Says why the first step was made, once that is known. */
  explainLast(why: string): void {
    const last = this.#steps.pop()
    if (last !== undefined) this.#steps.push({ ...last, why })
  }

  noteOutcome({ decision, measuredGainSeconds }: Outcome): void {
    const at = this.#steps.findLastIndex(({ what, why }) => what === decision.what && why === decision.why)
    if (at >= 0) this.#steps[at] = { ...this.#steps[at]!, measuredGainSeconds }
  }

  sample(sample: PlacementSample): void {
    this.#timeline.push(sample)
  }
}
