import { UsageError } from '@flexgen/spec'
import type { OpenedModel, Prompt } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'
import { readInput } from './read-input.ts'

/** Sizes of random prompts where only one of them is given. */
const randomDefaults = { count: 1, length: 32 } as const

/**
 * Prompts from files, which can be read before the model is opened.
 * @throws {UsageError} where there is no prompt at all
 */
export async function readPrompts(flags: GenerateFlags, signal: AbortSignal): Promise<Prompt[]> {
  const { prompt = [], promptIds = [], input } = flags
  if (prompt.length + promptIds.length === 0 && input === undefined && !wantsRandom(flags)) {
    throw new UsageError('there is no prompt', {
      hint: 'give --prompt, --prompt-ids, --input, or --num-prompts and --prompt-len for random ids',
    })
  }
  return [...prompt, ...promptIds, ...(input === undefined ? [] : await readInput(input, signal))]
}

/** Random prompts, where flags ask for them. */
export async function makeRandomPrompts(flags: GenerateFlags, { model }: OpenedModel): Promise<Prompt[]> {
  if (!wantsRandom(flags)) return []
  const { randomPrompts } = await import('flexgen')
  const { numPrompts = randomDefaults.count, promptLen = randomDefaults.length, seed } = flags
  return randomPrompts(model, { count: numPrompts, length: promptLen, seed })
}

function wantsRandom({ numPrompts, promptLen }: GenerateFlags): boolean {
  return numPrompts !== undefined || promptLen !== undefined
}
