import type { ReplacementOptions } from '@flexgen/core'
import { UsageError } from '@flexgen/spec'

/** The flags of re-placement, of every command that has some of them; what is absent was given nowhere. */
export interface ReplacementFlags {
  readonly reallocateTiming?: number | undefined
  readonly reallocateEvery?: number | undefined
  readonly reallocator?: 'measured' | 'random-copy' | 'none' | undefined
  readonly includeReallocatePunish?: boolean | undefined
  readonly seed?: number | undefined
}

/**
 * How placement follows a run by flags; undefined where it does not.
 * @throws {UsageError} for a timing that is none, and for `reallocateEvery` with another timing than 3
 */
export function replacementOf(flags: ReplacementFlags): ReplacementOptions | undefined {
  const { reallocateTiming: timing = 0, reallocateEvery: everyTokens, reallocator, includeReallocatePunish } = flags
  if (!isTiming(timing)) throw new UsageError(`--reallocate-timing must be 0, 1, 2 or 3, not ${timing}`)
  if (everyTokens !== undefined && timing !== 3) {
    throw new UsageError('--reallocate-every has no meaning without --reallocate-timing 3')
  }
  if (timing === 0 || reallocator === 'none') return undefined
  return { timing, everyTokens, reallocator, includePunish: includeReallocatePunish, seed: flags.seed }
}

function isTiming(value: number): value is 0 | ReplacementOptions['timing'] {
  return Number.isInteger(value) && value >= 0 && value <= 3
}
