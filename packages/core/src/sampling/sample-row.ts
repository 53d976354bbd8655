import { UsageError } from '@flexgen/spec'
import { largestLogits } from './largest-logits.ts'
import { sampleAll } from './sample-all.ts'

/** How a token is chosen; temperature 0 is greedy. */
export interface SamplingOptions {
  readonly temperature: number
  /** Candidates of highest logit that are kept; 0 keeps all. */
  readonly topK: number
  /** Smallest set of candidates whose probability reaches this is kept; 1 keeps all. */
  readonly topP: number
}

/** Greedy decoding. */
export const greedy: SamplingOptions = Object.freeze({ temperature: 0, topK: 0, topP: 1 })

/** @throws {UsageError} for a negative temperature or top-k, or a top-p outside (0, 1] */
export function checkSampling(options: SamplingOptions): void {
  if (!(options.temperature >= 0 && Number.isFinite(options.temperature))) {
    throw new UsageError(`temperature must be 0 or above, got ${options.temperature}`)
  }
  if (!(Number.isSafeInteger(options.topK) && options.topK >= 0)) {
    throw new UsageError(`top-k must be a whole number of 0 or above, got ${options.topK}`)
  }
  if (!(options.topP > 0 && options.topP <= 1))
    throw new UsageError(`top-p must be above 0 and at most 1, got ${options.topP}`)
}

/** Index of the largest logit, the first of equals. */
export function argMax(logits: Float32Array): number {
  const { length } = logits
  let best = 0
  let highest = logits[0]!
  for (let i = 0; i < length;) {
    // Eight that are no larger go by at once: hardly ever is one.
    while (
      i + 8 <= length &&
      !(
        logits[i]! > highest ||
        logits[i + 1]! > highest ||
        logits[i + 2]! > highest ||
        logits[i + 3]! > highest ||
        logits[i + 4]! > highest ||
        logits[i + 5]! > highest ||
        logits[i + 6]! > highest ||
        logits[i + 7]! > highest
      )
    ) {
      i += 8
    }
    for (const end = Math.min(i + 8, length); i < end; i++) {
      if (!(logits[i]! > highest)) continue
      highest = logits[i]!
      best = i
    }
  }
  return best
}

/**
 * Chooses one id from a row of logits by the semantics of the `Sample` operator: sort descending (equals by
 * index), cut to top-k, then to the smallest set that reaches top-p, renormalise, and take the first candidate whose
 * cumulative probability exceeds `uniform`.
 */
export function sampleRow(logits: Float32Array, options: SamplingOptions, uniform: number): number {
  if (options.temperature === 0) return argMax(logits)
  const count = options.topK > 0 ? Math.min(options.topK, logits.length) : logits.length
  if (count === logits.length) return sampleAll(logits, options.temperature, options.topP, uniform)
  const candidates = largestLogits(logits, count)
  const highest = logits[candidates[0]!]!
  const weights = candidates.map((id) => Math.exp((logits[id]! - highest) / options.temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let keptWeight = 0
  while (kept < weights.length && (kept === 0 || keptWeight < options.topP * total)) keptWeight += weights[kept++]!
  let cumulative = 0
  for (let i = 0; i < kept; i++) {
    cumulative += weights[i]!
    if (cumulative > uniform * keptWeight) return candidates[i]!
  }
  return candidates[kept - 1]!
}
