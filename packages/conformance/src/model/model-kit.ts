import type { TensorInfo } from '@flexgen/spec'
import type { TestKit } from '../kit/test-kit.ts'

/** What `describeModel` needs beside the model. */
export interface ModelKit extends TestKit {
  /** The tensors of a checkpoint of this model, such as `source.tensors`: every weight must be there as declared. */
  readonly tensors?: () => Promise<ReadonlyMap<string, Pick<TensorInfo, 'shape'>>>
  /** Whether every tensor of the checkpoint must be used. Default false: checkpoints may hold what nobody needs. */
  readonly usesAllTensors?: boolean
  /**
   * Whether the model is for generated weights: its head may then bind a matrix of its own that a checkpoint ties to the
   * token table, and that `facts.parameters` leave out. Default false.
   */
  readonly dummy?: boolean
}
