import type { Prompt, PromptRequest } from './prompt.ts'
import type { TextResult } from './text-generation.ts'

/** How likely a model finds a text that is given. */
export interface ScoreResult {
  /** Index of the prompt. */
  readonly sequence: number
  /** Where it was given as text. */
  readonly prompt?: string
  readonly promptIds: readonly number[]
  /** Natural log-probabilities of the ids from the second on; the first has nothing before it. */
  readonly promptLogProbs: readonly number[]
  /** Their sum: the log-probability of the whole, given its first id. */
  readonly logProbSum: number
  /** e to the mean of the negative log-probabilities; absent for a single id. */
  readonly perplexity?: number
}

/** The same prompts, each with nothing to generate. */
export function withoutNewTokens(prompts: string | readonly Prompt[]): readonly Prompt[] {
  const list: readonly Prompt[] = typeof prompts === 'string' ? [prompts] : prompts
  return list.map((prompt) => (isRequest(prompt) ? { ...prompt, maxNewTokens: 0 } : prompt))
}

function isRequest(prompt: Prompt): prompt is PromptRequest {
  return typeof prompt === 'object' && prompt !== null && !Array.isArray(prompt)
}

/** The score of a result that has the log-probabilities of its prompt. */
export function scoreOf({ sequence, prompt, promptIds, promptLogProbs = [] }: TextResult): ScoreResult {
  const logProbSum = promptLogProbs.reduce((sum, value) => sum + value, 0)
  return {
    sequence,
    ...(prompt !== undefined && { prompt }),
    promptIds,
    promptLogProbs,
    logProbSum,
    ...(promptLogProbs.length > 0 && { perplexity: Math.exp(-logProbSum / promptLogProbs.length) }),
  }
}
