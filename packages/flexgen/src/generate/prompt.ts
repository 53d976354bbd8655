import type { Workload } from '@flexgen/core'
import { FlexgenError, type Model, type Tokenizer, UsageError } from '@flexgen/spec'

/** A prompt with settings of its own: its text, or its ids, which count where both are given. */
export interface PromptRequest {
  readonly prompt?: string
  readonly promptIds?: readonly number[]
  /** Overrides the limit of the call. */
  readonly maxNewTokens?: number
  /** What its random numbers are keyed by, beside the seed; its index by default. */
  readonly sampleKey?: number
  /** Names the prompt in messages, such as `lines.jsonl line 3`. */
  readonly label?: string
}

/** A prompt: text, token ids, or either with settings of its own. */
export type Prompt = string | readonly number[] | PromptRequest

/** A prompt as the engine takes it, and its text where it was given as text. */
export interface EncodedPrompt {
  readonly prompt?: string
  readonly promptIds: readonly number[]
  readonly maxNewTokens: number
  readonly sampleKey?: number
}

/** What prompts are checked against. */
export interface PromptContext {
  readonly model: Pick<Model, 'name' | 'vocabularySize' | 'maxPositions'>
  readonly tokenizer?: Tokenizer | undefined
  /** What text fails with where there is no tokenizer. */
  readonly tokenizerProblem?: FlexgenError | undefined
  readonly maxNewTokens: number
  /** 0 where nothing need be generated, because the prompts themselves are scored. Default 1. */
  readonly leastNewTokens?: 0 | 1 | undefined
}

/**
 * Turns prompts into ids and checks them; messages name the prompt by its number, counted from 1.
 * @throws {UsageError} for text without a tokenizer, a limit below the least, or something that is no prompt
 * @throws {FlexgenError} `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `ID_OUT_OF_VOCABULARY`
 */
export function encodePrompts(prompts: string | readonly Prompt[], context: PromptContext): EncodedPrompt[] {
  const list: readonly Prompt[] = typeof prompts === 'string' ? [prompts] : prompts
  return list.map((prompt, i) => encodePrompt(prompt, `prompt ${i + 1}`, context))
}

/** What prompts need at most, for planning. */
export function workloadOf(prompts: readonly EncodedPrompt[]): Workload {
  const most = (values: number[]): number => values.reduce((largest, value) => Math.max(largest, value), 0)
  return {
    sequences: prompts.length,
    maxPromptTokens: most(prompts.map(({ promptIds }) => promptIds.length)),
    maxNewTokens: most(prompts.map(({ maxNewTokens }) => maxNewTokens)),
  }
}

function encodePrompt(given: Prompt, which: string, context: PromptContext): EncodedPrompt {
  const request = asRequest(given, which)
  const name = request.label ?? which
  const maxNewTokens = request.maxNewTokens ?? context.maxNewTokens
  const { leastNewTokens = 1 } = context
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < leastNewTokens) {
    const least = leastNewTokens === 0 ? 'of 0 or above' : 'above 0'
    throw new UsageError(`${name}: the number of new tokens must be a whole number ${least}, got ${maxNewTokens}`)
  }
  const { prompt, sampleKey } = request
  const promptIds = request.promptIds ?? encodeText(prompt!, name, context)
  checkIds(promptIds, maxNewTokens, name, context.model)
  return {
    ...(prompt !== undefined && { prompt }),
    promptIds,
    maxNewTokens,
    ...(sampleKey !== undefined && { sampleKey }),
  }
}

function asRequest(given: Prompt, which: string): PromptRequest {
  if (typeof given === 'string') return { prompt: given }
  if (Array.isArray(given)) return { promptIds: given as readonly number[] }
  const request = given as PromptRequest
  const { prompt, promptIds } = request ?? {}
  const isPrompt =
    (prompt !== undefined || promptIds !== undefined) &&
    (prompt === undefined || typeof prompt === 'string') &&
    (promptIds === undefined || Array.isArray(promptIds))
  if (isPrompt) return request
  throw new UsageError(`${which} is neither a text nor a list of ids`, {
    hint: 'give texts, lists of ids, or objects with prompt or promptIds; a single list of ids goes in a list',
  })
}

function encodeText(
  text: string,
  which: string,
  { tokenizer, tokenizerProblem, model }: PromptContext,
): readonly number[] {
  if (tokenizer !== undefined) return tokenizer.encode(text)
  if (tokenizerProblem !== undefined) throw tokenizerProblem
  throw new UsageError(`${which} is text, but ${model.name} has no tokenizer here`, {
    hint: 'give token ids (--prompt-ids), or random ones (--num-prompts and --prompt-len)',
  })
}

function checkIds(ids: readonly number[], maxNewTokens: number, which: string, model: PromptContext['model']): void {
  if (ids.length === 0) throw new FlexgenError({ code: 'PROMPT_EMPTY', message: `${which} has no token id` })
  const outside = ids.find((id) => !Number.isSafeInteger(id) || id < 0 || id >= model.vocabularySize)
  if (outside !== undefined) {
    throw new FlexgenError({
      code: 'ID_OUT_OF_VOCABULARY',
      message: `${which}: id ${outside} is outside the vocabulary of ${model.name}, 0 to ${model.vocabularySize - 1}`,
    })
  }
  if (ids.length + maxNewTokens > model.maxPositions) {
    throw new FlexgenError({
      code: 'PROMPT_TOO_LONG',
      message: `${which}: ${ids.length} ids and ${maxNewTokens} new tokens need more than the ${model.maxPositions} positions of ${model.name}`,
    })
  }
}
