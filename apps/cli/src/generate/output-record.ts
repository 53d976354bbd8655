import type { ScoreResult, TextResult } from 'flexgen'

/** One output of `generate --json`: `ids` are the new tokens only; with `--score` there are none, but sum and perplexity. */
export type OutputRecord = Omit<TextResult, 'sequence'> & Partial<Pick<ScoreResult, 'logProbSum' | 'perplexity'>>

/** One line of `--output`: lines stand in the order in which sequences finished, so each has the index of its prompt. */
export interface OutputLine extends OutputRecord {
  readonly index: number
}

/** A result without its index: outputs are in input order. */
export function toOutputRecord({ sequence: _sequence, ...record }: TextResult): OutputRecord {
  return record
}

/** A result of `--score`: nothing was generated. */
export function toScoreRecord({ sequence: _sequence, prompt, promptIds, ...score }: ScoreResult): OutputRecord {
  return { ...(prompt !== undefined && { prompt }), promptIds, ids: [], finishReason: 'length', ...score }
}
