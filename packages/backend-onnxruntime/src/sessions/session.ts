import type { TensorType } from '../onnx/tensor-type.ts'

/** A tensor in host memory. Bindings compare tensors by identity: make a new one when anything changes. */
export interface Tensor {
  /** Exactly the bytes of the shape. */
  readonly bytes: Uint8Array
  readonly type: TensorType
  readonly shape: readonly number[]
}

/** Inputs and outputs of one session, kept from run to run. */
export interface SessionBinding {
  /** Binds an input; binding the same tensor again costs nothing. */
  input(name: string, tensor: Tensor): void
  /** Binds an output, which the run writes in place. */
  output(name: string, tensor: Tensor): void
  release(): void
}

/** A compiled ONNX model. */
export interface Session {
  createBinding(): SessionBinding
  /** Runs; `now` keeps short work on this thread where the runtime can, which saves a hop of 40 us. */
  run(binding: SessionBinding, now: boolean): void | Promise<void>
  release(): void
}

/** One way to run ONNX models: through the C API or through the JavaScript API. */
export interface SessionRuntime {
  readonly api: 'c' | 'js'
  /** Version of ONNX Runtime. */
  readonly version: string
  readonly threads: number
  /** Whether all sessions share the threads; otherwise each has as many of its own. */
  readonly sharesThreads: boolean
  /** Short runs that may be in flight at once with gain. */
  readonly concurrency: number
  /** Whether float16 and bfloat16 tensors are bound as they are; otherwise they are widened at every run. */
  readonly halfTensors: boolean
  /**
   * Compiles a model.
   * @param initializers the model's external initializers; read until the promise settles
   * @throws {FlexgenError} with ONNX Runtime's message
   */
  createSession(model: Uint8Array, initializers?: ReadonlyMap<string, Tensor>): Promise<Session>
  /** Bytes that the runtime holds, initializers included, as far as it tells. */
  heldBytes(): number
  /** Gives back what the runtime holds and does not use. */
  trim(): void
  /** Releases the runtime; sessions must have been released before. */
  release(): void
}
