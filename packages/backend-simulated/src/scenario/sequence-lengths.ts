import { hashToUnit } from './random.ts'
import type { ScenarioLengths } from './scenario.ts'

/** Stream of random numbers that lengths are drawn from. */
const lengthStream = 2

/** New tokens of a sequence; undefined where a scenario says nothing of lengths. */
export function sequenceLength(lengths: ScenarioLengths | undefined, sequence: number): number | undefined {
  if (lengths === undefined) return undefined
  if (!('least' in lengths)) return lengths[sequence % lengths.length]
  const { least, most, seed = 0 } = lengths
  return least + Math.floor(hashToUnit(seed, lengthStream, sequence) * (most - least + 1))
}
