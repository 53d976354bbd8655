import type { LoadProgress, ReplacementOptions, Workload } from '@flexgen/core'
import type { Backend, DType, FileSystem, TraceSink } from '@flexgen/spec'
import type { OpenedModel, OpenModelOptions } from '../model/open-model.ts'
import type { PolicyChoice } from '../policy/auto-policy.ts'
import type { BackendSettings } from '../registry/backends.ts'
import type { Size } from '../size/parse-size.ts'
import type { EngineMachine } from './engine-machine.ts'

/** What `createEngine` is told; everything has a default. */
export interface CreateEngineOptions extends Omit<OpenModelOptions, 'model'>, BackendSettings {
  /** A folder, a name (see `path`), or a model that was opened before, which stays its opener's. Default: the demo model. */
  readonly model?: string | OpenedModel | undefined
  /** `native`, `onnxruntime`, `reference`, `auto` (the first that works, the default), or an instance, which stays its maker's. */
  readonly backend?: string | Backend | undefined
  /** Where KV off the device is attended, as far as the policy's `hostAttentionPercent` says: a name or an instance. */
  readonly hostBackend?: string | Backend | undefined
  /** Clock and tiers instead of this machine's; with backends that belong to it. */
  readonly machine?: EngineMachine | undefined
  /**
   * Where things go: a policy or parts of one; or `auto` (by itself or with parts), which lets the planner choose for the
   * workload, within the budgets and what the machine has free.
   */
  readonly policy?: PolicyChoice | undefined
  /** What the planner knows of the machine: a named profile or a file. Default: what `flexgen profile` has saved. */
  readonly hardware?: string | undefined
  /** Whether past runs correct predictions, and this one is kept for the next. Default true. */
  readonly history?: boolean | undefined
  /** Lets placement change in mid-run, and budgets with it (`setBudget`). */
  readonly replacement?: ReplacementOptions | undefined
  /** Folder for scratch files; several runs may share it. */
  readonly offloadDir?: string | undefined
  /** Most RAM that the engine allocates, such as `3GB`. */
  readonly maxRam?: Size | undefined
  /** Most device memory; on a CPU backend a part of `maxRam`. */
  readonly maxDeviceMemory?: Size | undefined
  /** Most scratch space on disk. */
  readonly maxDisk?: Size | undefined
  /** Dtype of computation and KV; the backend's own by default. */
  readonly dtype?: DType | undefined
  /** Read around the page cache where the system can. */
  readonly direct?: boolean | undefined
  /** What the disk tier reads and writes through; the machine's by default. */
  readonly fileSystem?: FileSystem | undefined
  /** Page-lock weights in RAM: true, or an error where it cannot be; false, never. Default: where it can be, and the report says where not. */
  readonly pinWeight?: boolean | undefined
  /** Positions of one KV page on disk; only full pages go there. Default 64. */
  readonly pagePositions?: number | undefined
  readonly trace?: TraceSink | undefined
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** What will be generated at most, if known: then it is checked against the budgets before weights are touched. */
  readonly workload?: Workload | undefined
  /**
   * Whether the engine scores given texts (`score`, or `logProbs: 'all'`): then it computes logits of all positions,
   * which take room. Default: what `workload` says.
   */
  readonly scores?: boolean | undefined
}
