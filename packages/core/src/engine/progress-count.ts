import type { GenerationEvent, SweepProgress } from './engine-options.ts'
import type { Sequence } from './sequence.ts'

/** Counts what a run has done. */
export class ProgressCount {
  readonly #sequences: number
  /** Shrinks where a sequence ends before its limit. */
  #maxNewTokens: number
  readonly #limits: ReadonlyMap<number, number>
  #finishedSequences = 0
  #newTokens = 0

  constructor(sequences: readonly Sequence[]) {
    this.#sequences = sequences.length
    this.#limits = new Map(sequences.map(({ index, maxNewTokens }) => [index, maxNewTokens]))
    this.#maxNewTokens = sequences.reduce((sum, { maxNewTokens }) => sum + maxNewTokens, 0)
  }

  /** Counts the events of a sweep. */
  after(events: readonly GenerationEvent[]): SweepProgress {
    for (const event of events) {
      if (event.type === 'token') this.#newTokens++
      else if (event.type === 'result') {
        this.#finishedSequences++
        this.#maxNewTokens -= this.#limits.get(event.result.sequence)! - event.result.ids.length
      }
    }
    return {
      finishedSequences: this.#finishedSequences,
      sequences: this.#sequences,
      newTokens: this.#newTokens,
      maxNewTokens: this.#maxNewTokens,
    }
  }
}
