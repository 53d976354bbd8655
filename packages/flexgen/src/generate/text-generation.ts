import type { FinishReason, GenerateOptions, SweepProgress } from '@flexgen/core'

/** How a call of `generate` runs. */
export interface TextGenerationOptions {
  /** Limit for each prompt; 0 with `logProbs: 'all'` generates nothing. Default 32. */
  readonly maxNewTokens?: number | undefined
  /** 0 is greedy: the default, unless top-k or top-p is given; then 1. */
  readonly temperature?: number | undefined
  /** Candidates that are kept; 0, the default, keeps all. */
  readonly topK?: number | undefined
  /** Probability that the kept candidates reach; 1, the default, keeps all. */
  readonly topP?: number | undefined
  /** A sequence ends where its new text contains one of these; the text is cut there. */
  readonly stop?: string | readonly string[] | undefined
  /** Asked after every new token, besides the stop texts: true ends the sequence there; see @flexgen/core. */
  readonly stopRule?: GenerateOptions['stopRule']
  /** Key of the random numbers; the same seed gives the same samples whatever the placement. Default 0. */
  readonly seed?: number | undefined
  /** Go on after an end-of-sequence id. */
  readonly ignoreEos?: boolean | undefined
  /** Whose rows of logits `onLogits` receives; see @flexgen/core. */
  readonly logits?: GenerateOptions['logits'] | undefined
  readonly onLogits?: GenerateOptions['onLogits']
  /** Log-probabilities in the results: `new`, or `all` for those of the prompts too; see @flexgen/core. */
  readonly logProbs?: GenerateOptions['logProbs']
  /** Whether results come in the order of the prompts (default) or as they finish. */
  readonly resultOrder?: GenerateOptions['resultOrder']
  /** Run every step alone, and report the time of each task. */
  readonly breakdown?: GenerateOptions['breakdown']
  /** Whether waiting prompts take the places of sequences that have ended. Default true. */
  readonly refill?: GenerateOptions['refill']
  readonly signal?: AbortSignal | undefined
}

/** A finished sequence. */
export interface TextResult {
  /** Index of the prompt. */
  readonly sequence: number
  /** Where it was given as text. */
  readonly prompt?: string
  readonly promptIds: readonly number[]
  /** The new ids only, also those whose text a stop text has cut off. */
  readonly ids: readonly number[]
  /** Text of the new ids, where there is a tokenizer. */
  readonly text?: string
  readonly finishReason: FinishReason
  /** Natural log-probabilities of the new ids, where asked for. */
  readonly logProbs?: readonly number[]
  /** Of the prompt's ids from the second on, where asked for. */
  readonly promptLogProbs?: readonly number[]
}

/** What `generate` yields. The `text`s of a sequence, one behind the other, are the text of its result. */
export type TextEvent =
  | {
      readonly type: 'token'
      readonly sequence: number
      /** Counts new tokens from 0. */
      readonly position: number
      readonly id: number
      /** Text that became certain with this token; may be empty. */
      readonly text: string
    }
  | {
      readonly type: 'result'
      readonly result: TextResult
      /** Text that was held back until the end. */
      readonly text: string
    }
  /** The end of a sweep: one token of every live sequence. */
  | { readonly type: 'sweep'; readonly progress: SweepProgress }
