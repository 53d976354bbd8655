import { BackendUnavailableError, InternalError } from '@flexgen/spec'
import type * as onnxRuntimeNode from 'onnxruntime-node'
import { installHint } from '../ffi/find-library.ts'
import { ortError } from '../ffi/ort-status.ts'
import { JsBinding, toJsTensor } from './js-binding.ts'
import type { Session, SessionBinding, SessionRuntime } from './session.ts'

/** The module of the JavaScript API. */
export type OnnxRuntimeNode = Pick<typeof onnxRuntimeNode, 'InferenceSession' | 'Tensor' | 'env'>

const onlyFatal = 4

/**
 * ONNX Runtime through the JavaScript API of onnxruntime-node: float32 alone, and every run blocks the event loop.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where the package cannot be loaded
 */
export async function createJsRuntime(threads: number): Promise<SessionRuntime> {
  const module = await importModule()
  return {
    api: 'js',
    version: module.env.versions.node ?? 'of unknown version',
    threads,
    sharesThreads: false,
    concurrency: 1,
    halfTensors: false,
    async createSession(model, initializers = new Map()) {
      // Bytes at any offset, as the weights lie; the runtime copies them.
      const externalData = [...initializers].map(([path, { bytes }]) => ({ path, data: bytes }))
      try {
        const session = await module.InferenceSession.create(model, {
          executionProviders: ['cpu'],
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          logSeverityLevel: onlyFatal,
          // Shapes change all the time, and every session would keep an arena of its own.
          enableMemPattern: false,
          enableCpuMemArena: false,
          // Each session has threads of its own: idle ones must sleep.
          extra: { session: { intra_op: { allow_spinning: '0' } } },
          ...(externalData.length > 0 && { externalData }),
        })
        return new JsSession(module, session)
      } catch (cause) {
        throw ortError('create a session', 0, messageOf(cause))
      }
    },
    // The API does not tell.
    heldBytes: () => 0,
    trim: () => {},
    release: () => {},
  }
}

class JsSession implements Session {
  readonly #module: OnnxRuntimeNode
  readonly #session: onnxRuntimeNode.InferenceSession

  constructor(module: OnnxRuntimeNode, session: onnxRuntimeNode.InferenceSession) {
    this.#module = module
    this.#session = session
  }

  createBinding(): SessionBinding {
    return new JsBinding()
  }

  /** Never runs at once: the API puts every run behind a turn of the event loop. */
  async run(binding: SessionBinding): Promise<void> {
    if (!(binding instanceof JsBinding)) throw new InternalError('a binding of another runtime was run')
    const { inputs, outputs } = binding
    const toTensors = (tensors: typeof inputs): Record<string, onnxRuntimeNode.Tensor> =>
      Object.fromEntries([...tensors].map(([name, tensor]) => [name, toJsTensor(this.#module, tensor)]))
    try {
      // Given tensors are written in place.
      await this.#session.run(toTensors(inputs), toTensors(outputs))
    } catch (cause) {
      throw ortError('run', 0, messageOf(cause))
    }
  }

  release(): void {
    // It fails only for a session that has been released.
    this.#session.release().catch(() => {})
  }
}

async function importModule(): Promise<OnnxRuntimeNode> {
  try {
    const module = await import('onnxruntime-node')
    return 'InferenceSession' in module ? module : (module as { default: OnnxRuntimeNode }).default
  } catch (cause) {
    throw new BackendUnavailableError('the package onnxruntime-node is not installed, or does not load here', {
      hint: installHint,
      cause,
    })
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
