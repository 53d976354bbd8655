import { UsageError } from '@flexgen/spec'

/** A decode time that was computed from a part of the run. */
export interface Projection {
  readonly decodeSeconds: number
  readonly projected: true
}

/** Tokens of a run that `projectCutRun` needs at least: the first, two that warm up, one that is averaged. */
export const leastCutTokens = 4

/** Decode layer steps that a `fewer_batch` run makes, and those at its end that are averaged. */
export const fewerBatchSteps = { made: 20, averaged: 10 } as const

/**
 * FlexGen's `--cut-gen-len`: the second and third token count as they are, the mean of the others stands for the rest
 * (`project_decode_latency`).
 * @param tokenSeconds seconds of each token that was generated, the first one (prefill) included
 * @param newTokens tokens of the whole run
 * @throws {UsageError} for fewer than four measured tokens, or more than the whole run
 */
export function projectCutRun(tokenSeconds: readonly number[], newTokens: number): Projection {
  if (tokenSeconds.length < leastCutTokens || tokenSeconds.length > newTokens) {
    throw new UsageError(
      `--cut-gen-len ${tokenSeconds.length} cannot be projected to ${newTokens} tokens: it takes ${leastCutTokens} to ${newTokens}`,
    )
  }
  const [, second = 0, third = 0, ...others] = tokenSeconds
  return { decodeSeconds: second + third + mean(others) * (newTokens - 3), projected: true }
}

/**
 * FlexGen's `--debug-mode fewer_batch`: every token after the first takes as many times the mean of the last ten
 * layer steps as the schedule has layers.
 * @param stepSeconds seconds of the decode layer steps that were made, at most 20: one layer for all gpu batches
 * @throws {UsageError} where ten steps or fewer were made
 */
export function projectFewerBatches(
  stepSeconds: readonly number[],
  scheduleLayers: number,
  newTokens: number,
): Projection {
  const averaged = stepSeconds.slice(fewerBatchSteps.made - fewerBatchSteps.averaged, fewerBatchSteps.made)
  if (averaged.length === 0) {
    throw new UsageError(`--debug-mode fewer_batch needs more than 10 decode layer steps, got ${stepSeconds.length}`, {
      hint: 'raise --gen-len, or measure the whole run',
    })
  }
  return { decodeSeconds: scheduleLayers * mean(averaged) * (newTokens - 1), projected: true }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
