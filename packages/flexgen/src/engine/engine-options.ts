import type { LoadProgress, PolicyOptions, Workload } from '@flexgen/core'
import type { Backend, DType, Policy, TraceSink } from '@flexgen/spec'
import type { OpenedModel, OpenModelOptions } from '../model/open-model.ts'
import type { BackendSettings } from '../registry/backends.ts'
import type { Size } from '../size/parse-size.ts'

/** What `createEngine` is told; everything has a default. */
export interface CreateEngineOptions extends Omit<OpenModelOptions, 'model'>, BackendSettings {
  /** A folder, a name (see `path`), or a model that was opened before, which stays its opener's. Default: the demo model. */
  readonly model?: string | OpenedModel | undefined
  /** `onnxruntime`, `reference`, `auto` (the first that works, the default), or an instance, which stays its maker's. */
  readonly backend?: string | Backend | undefined
  /** Where KV off the device is attended, as far as the policy's `hostAttentionPercent` says: a name or an instance. */
  readonly hostBackend?: string | Backend | undefined
  readonly policy?: Policy | PolicyOptions | undefined
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
  /** Positions of one KV page on disk; only full pages go there. Default 64. */
  readonly pagePositions?: number | undefined
  readonly trace?: TraceSink | undefined
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** What will be generated at most, if known: then it is checked against the budgets before weights are touched. */
  readonly workload?: Workload | undefined
}
