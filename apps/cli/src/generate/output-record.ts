import type { TextResult } from 'flexgen'

/** One output of `generate --json` and of `--output`: `ids` are the new tokens only. */
export type OutputRecord = Omit<TextResult, 'sequence'>

/** A result without its index: outputs are in input order. */
export function toOutputRecord({ sequence: _sequence, ...record }: TextResult): OutputRecord {
  return record
}
