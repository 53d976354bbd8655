import type { Backend, Clock, DType, Model, Policy, Tier, TraceSink, WeightSource } from '@flexgen/spec'
import type { RunPlan } from '../plan/run-plan.ts'
import type { ReplacementOptions } from '../replacement/replacement-options.ts'
import type { SamplingOptions } from '../sampling/sample-row.ts'

/** How far loading has come. */
export interface LoadProgress {
  readonly phase: 'weights'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** What an engine is made from; everything is an instance, nothing is looked up by name. */
export interface EngineOptions {
  readonly model: Model
  readonly weights: WeightSource
  readonly backend: Backend
  /** Host-visible backend that attends over KV off the device, as far as the policy's `hostAttentionPercent` says. */
  readonly host?: Backend | undefined
  /** RAM tier whose allocator is the backend's `allocateHost`. */
  readonly ram: Tier
  readonly disk: Tier
  readonly policy: Policy
  /** Dtype of activations and KV. Default: that of the weights where the backends compute in it, else their first. */
  readonly dtype?: DType | undefined
  /** Limit of all RAM that the engine allocates, in bytes; on a host backend the device's share counts too. */
  readonly maxRamBytes?: number | undefined
  /** Limit of device memory in bytes: prepared weights, resident KV, workspace. */
  readonly maxDeviceBytes?: number | undefined
  /** Limit of scratch on disk in bytes: KV, hidden states, generated weights. */
  readonly maxDiskBytes?: number | undefined
  /** Told the plan once it fits the budgets, before weights are touched; what it throws ends the creation. */
  readonly onPlan?: ((plan: RunPlan) => Promise<void>) | undefined
  /**
   * What will be generated at most, if known: then the whole run is checked against the budgets before anything is
   * allocated; `generate` checks again.
   */
  readonly workload?: Workload | undefined
  /**
   * Lets placement change in mid-run. On a device with memory of its own the policy's share of the weights is then pinned
   * there, with a copy behind it in RAM, so that it can be dropped at any time; on a host its share of RAM, with the checkpoint
   * behind it where its files hold the very bytes.
   */
  readonly replacement?: ReplacementOptions | undefined
  /** Positions of one KV page on disk. Default 64. */
  readonly pagePositions?: number
  readonly clock?: Clock
  readonly trace?: TraceSink | undefined
  readonly onProgress?: (progress: LoadProgress) => void
  readonly signal?: AbortSignal | undefined
}

/** Bounds of a run, for planning. */
export interface Workload {
  readonly sequences: number
  readonly maxPromptTokens: number
  readonly maxNewTokens: number
  readonly logits?: 'last' | 'all'
}

/** One prompt. */
export interface GenerationRequest {
  /** At least one id. */
  readonly promptIds: readonly number[]
  /** Overrides the limit of the call. */
  readonly maxNewTokens?: number
  /** What the random numbers of this request are keyed by, beside the seed. Default: its index. */
  readonly sampleKey?: number
}

/** How a call of `generate` runs. */
export interface GenerateOptions {
  readonly maxNewTokens: number
  readonly sampling?: SamplingOptions
  /** Key of the random numbers; the same seed gives the same samples whatever the placement. Default 0. */
  readonly seed?: number
  /** Go on after an end-of-sequence id. */
  readonly ignoreEos?: boolean
  /** Asked after every new token: true ends the sequence there. `position` counts new tokens from 0. */
  readonly stopRule?: ((sequence: number, position: number, id: number) => boolean) | undefined
  /**
   * Receives rows of logits `[vocabulary]` (a view that is valid during the call): with `logits: 'last'` the row
   * of every new token, with `'all'` also those of all prompt positions. `position` is that of the input token. What it
   * changes in the row is what the next id is taken from.
   */
  readonly onLogits?: ((sequence: number, position: number, row: Float32Array) => void) | undefined
  readonly logits?: 'last' | 'all'
  /**
   * Log-probabilities in the results: of the new tokens, or also of the prompt's (then the engine's workload must say
   * `logits: 'all'`, and no new token need be asked for).
   */
  readonly logProbs?: 'new' | 'all' | undefined
  /** Whether waiting requests take the places of sequences that have ended. Default true; false for blocks one by one. */
  readonly refill?: boolean | undefined
  /** Whether results come in the order of the requests (default) or as sequences finish. */
  readonly resultOrder?: 'request' | 'finish' | undefined
  /** Run every step alone and report the time of each task by kind; FlexGen's `--debug-mode breakdown`. */
  readonly breakdown?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Why a sequence ended. */
export type FinishReason = 'length' | 'eos' | 'stop'

/** A finished sequence. */
export interface GenerationResult {
  /** Index of the request. */
  readonly sequence: number
  readonly promptIds: readonly number[]
  /** The new ids only, with the end-of-sequence id where there was one. */
  readonly ids: readonly number[]
  readonly finishReason: FinishReason
  /** Natural log-probabilities of the new ids, where asked for: before temperature and cuts. */
  readonly logProbs?: readonly number[]
  /** Of the prompt's ids from the second on, where asked for; the first has nothing before it. */
  readonly promptLogProbs?: readonly number[]
}

/** How far a run has come after a sweep. */
export interface SweepProgress {
  /** Sequences that have finished, of all that were asked for. */
  readonly finishedSequences: number
  readonly sequences: number
  /** New tokens so far, and the most that can come. */
  readonly newTokens: number
  readonly maxNewTokens: number
}

/** What `generate` yields: every token as it is made, every sequence once it has finished, and the end of every sweep. */
export type GenerationEvent =
  | { readonly type: 'token'; readonly sequence: number; readonly position: number; readonly id: number }
  | { readonly type: 'result'; readonly result: GenerationResult }
  | { readonly type: 'sweep'; readonly progress: SweepProgress }
