import { keyedUniform } from '@flexgen/core'
import { FlexgenError, type Model, UsageError } from '@flexgen/spec'

/** How many random prompts, how long, and from which seed. */
export interface RandomPromptsOptions {
  readonly count: number
  /** Ids of each prompt. */
  readonly length: number
  /** Default 0. */
  readonly seed?: number
}

/** Ids of one call at most: 8192 prompts of 2048. */
const mostIds = 2 ** 24

/**
 * Prompts of random ids, the same for the same seed; for models without a tokenizer and for benchmarks. Ids that end
 * or pad a sequence do not occur.
 * @throws {UsageError} for a count or length that is not a whole number above 0, or more than 2^24 ids in all
 * @throws {FlexgenError} `PROMPT_TOO_LONG` where no position is left for a new token
 */
export function randomPrompts(
  model: Pick<Model, 'name' | 'maxPositions' | 'vocabularySize' | 'eosIds' | 'padId'>,
  options: RandomPromptsOptions,
): number[][] {
  const { count, length, seed = 0 } = options
  for (const [name, value] of Object.entries({ 'number of prompts': count, 'prompt length': length })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new UsageError(`the ${name} must be a whole number above 0, got ${value}`)
    }
  }
  if (length >= model.maxPositions) {
    throw new FlexgenError({
      code: 'PROMPT_TOO_LONG',
      message: `prompts of ${length} ids leave no room for a new token in the ${model.maxPositions} positions of ${model.name}`,
      hint: `make them shorter (--prompt-len ${model.maxPositions - 1} at most)`,
    })
  }
  if (count * length > mostIds) {
    throw new UsageError(`${count} prompts of ${length} ids are more than the ${mostIds} ids that are made up at most`)
  }
  const special = new Set([...model.eosIds, model.padId])
  const ids = Array.from({ length: model.vocabularySize }, (_, id) => id).filter((id) => !special.has(id))
  return Array.from({ length: count }, (_, sequence) =>
    Array.from({ length }, (_, position) => ids[Math.floor(keyedUniform(seed, sequence, position) * ids.length)]!),
  )
}
