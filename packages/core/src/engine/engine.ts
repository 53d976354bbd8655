import type { RunPlan } from '../plan/run-plan.ts'
import type { RunReport } from '../report/run-report.ts'
import type { EngineBudget } from '../replacement/replacement-options.ts'
import type { GenerateOptions, GenerationEvent, GenerationRequest, GenerationResult } from './engine-options.ts'

/** A loaded model, ready to generate. */
export interface Engine {
  /** What the engine holds and may hold for the workload it was made for. */
  readonly plan: RunPlan
  /**
   * Generates for all requests, block by block, the longest first. Tokens come as they are made; each result comes
   * as soon as it and all results of earlier requests are there, so results are in input order. One call at a time.
   * @throws {FlexgenError} `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `ID_OUT_OF_VOCABULARY`, `INFEASIBLE` before anything
   * runs; `ABORTED` after the signal; whatever a backend, tier or checkpoint fails with
   */
  generate(
    requests: readonly GenerationRequest[],
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void>
  /** All results of `generate`, in input order. */
  generateAll(requests: readonly GenerationRequest[], options: GenerateOptions): Promise<GenerationResult[]>
  /**
   * Changes the limits of memory, also in mid-run where the engine has `replacement`: a smaller one is held within one
   * sweep and the time that KV takes over the link, room that comes is used.
   * @throws {FlexgenError} `INFEASIBLE` where a run holds more that cannot move; the limit is then what it was
   */
  setBudget(budget: EngineBudget): Promise<void>
  /** What the last call did; partial after an error. */
  report(): RunReport
  /** Frees all that the engine holds; backend, tiers and weights stay with their owner. */
  [Symbol.asyncDispose](): Promise<void>
}
