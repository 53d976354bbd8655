import type { WeightSource } from '@flexgen/spec'

/** The weights of a checkpoint on disk, and what of it is not served. */
export interface CheckpointSource extends WeightSource {
  /** Tensors that are there but cannot be weights, with the reason: their element type. `read` gives it as an error. */
  readonly skipped: ReadonlyMap<string, string>
  /** What users should know: tensors of shards that are ignored. */
  readonly notices: readonly string[]
}
