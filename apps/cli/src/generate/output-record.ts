import type { TextResult } from 'flexgen'

/** One output of `generate --json`: `ids` are the new tokens only. */
export type OutputRecord = Omit<TextResult, 'sequence'>

/** One line of `--output`: lines stand in the order in which sequences finished, so each has the index of its prompt. */
export interface OutputLine extends OutputRecord {
  readonly index: number
}

/** A result without its index: outputs are in input order. */
export function toOutputRecord({ sequence: _sequence, ...record }: TextResult): OutputRecord {
  return record
}
