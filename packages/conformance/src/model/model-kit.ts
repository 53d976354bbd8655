import type { Backend, WeightSource } from '@flexgen/spec'
import type { TestKit } from '../kit/test-kit.ts'

/** What another implementation computes on a sequence. */
export interface LogitsCase {
  /** A prompt and what follows it. */
  readonly ids: readonly number[]
  /** Number of ids that are read in one run; those after them are read one by one, as in decode. */
  readonly promptLength: number
  /** Logits after every id: `[ids][vocabulary]`. */
  readonly logits: readonly ArrayLike<number>[]
}

/** What logits are compared with, and on what they are computed. */
export interface ModelReference {
  /** Makes a backend whose results are right: backend-reference. */
  readonly oracle: () => Backend | Promise<Backend>
  /** Logits of transformers, for example, in float32 on the checkpoint of the kit. */
  readonly cases: readonly LogitsCase[]
}

/** What `describeModel` needs beside the model. */
export interface ModelKit extends TestKit {
  /** Opens a checkpoint of this model, once a test: every weight must be there as declared. */
  readonly weights?: () => Promise<WeightSource>
  /** Whether every tensor of the checkpoint must be used. Default false: checkpoints may hold what nobody needs. */
  readonly usesAllTensors?: boolean
  /** With `weights`: logits must agree with these. */
  readonly reference?: ModelReference
  /**
   * Whether the model is for generated weights: its head may then bind a matrix of its own that a checkpoint ties to the
   * token table, and that `facts.parameters` leave out. Default false.
   */
  readonly dummy?: boolean
}
