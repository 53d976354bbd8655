import type { EngineBudget, RunPlan, RunReport } from '@flexgen/core'
import type { Model, Tokenizer } from '@flexgen/spec'
import type { Prompt } from '../generate/prompt.ts'
import type { ScoreResult } from '../generate/score.ts'
import type { RunPrediction } from '../policy/run-prediction.ts'
import type { TextEvent, TextGenerationOptions, TextResult } from '../generate/text-generation.ts'

/** How a call of `score` runs. */
export type ScoreOptions = Pick<TextGenerationOptions, 'signal' | 'breakdown'>

/** A loaded model with its tokenizer, ready to generate. */
export interface FlexgenEngine extends AsyncDisposable {
  readonly model: Model
  readonly tokenizer: Tokenizer | undefined
  /** What the engine holds and may hold on each tier, for the last call or else for the workload. */
  readonly plan: RunPlan
  /**
   * Generates for all prompts: every token with its text as it is made, every result once it and all earlier ones are
   * there. One call at a time; ending the loop ends the run.
   * @throws {FlexgenError} `USAGE`, `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `ID_OUT_OF_VOCABULARY`, `INFEASIBLE` before
   * anything runs; `ABORTED` after the signal
   */
  generate(prompts: string | readonly Prompt[], options?: TextGenerationOptions): AsyncGenerator<TextEvent, void, void>
  /** All results of `generate`, in input order. */
  generateAll(prompts: string | readonly Prompt[], options?: TextGenerationOptions): Promise<TextResult[]>
  /**
   * How likely the model finds given texts: the log-probability of every id, in input order. Nothing is generated.
   * @throws {FlexgenError} `USAGE` where the engine was made without `scores: true`, and what `generate` throws
   */
  score(prompts: string | readonly Prompt[], options?: ScoreOptions): Promise<ScoreResult[]>
  /**
   * Changes the limits of memory in bytes, also in mid-run where the engine has `replacement`.
   * @throws {FlexgenError} `INFEASIBLE` where a run holds more that cannot move, `USAGE` where placement does not change
   */
  setBudget(budget: EngineBudget): Promise<void>
  /** What the last call did; partial after an error. */
  report(): RunReport
  /** What the last call did beside what the planner expects of it; undefined where there is no model of the device. */
  prediction(): Promise<RunPrediction | undefined>
}
