import { NativeHandle } from '../ffi/native-handle.ts'
import type { OrtApi } from '../ffi/ort-api.ts'
import { identityModel } from '../onnx/identity-model.ts'
import type { CBinding } from './c-binding.ts'
import type { Environment } from './c-environment.ts'
import type { CSession, CSessions } from './c-runtime.ts'

/** Watches and trims the arena that all sessions share, through a tiny session of its own. */
export class CArena {
  readonly #api: OrtApi
  readonly #session: CSession
  readonly #binding: CBinding
  readonly #allocator: NativeHandle
  readonly #shrink: NativeHandle

  private constructor(
    api: OrtApi,
    session: CSession,
    binding: CBinding,
    allocator: NativeHandle,
    shrink: NativeHandle,
  ) {
    this.#api = api
    this.#session = session
    this.#binding = binding
    this.#allocator = allocator
    this.#shrink = shrink
  }

  static async create(api: OrtApi, environment: Environment, sessions: CSessions): Promise<CArena> {
    const { call, create } = api
    const session = await sessions.create(identityModel())
    const binding = session.createBinding()
    const [source, target] = [new Uint8Array(4), new Uint8Array(4)]
    binding.input('input', { bytes: source, type: 'float32', shape: [1] })
    binding.output('output', { bytes: target, type: 'float32', shape: [1] })
    const allocator = create((out) => call.createAllocator(session.pointer, environment.memoryInfo.pointer, out))
    const shrink = create((out) => call.createRunOptions(out))
    call.addRunConfigEntry(shrink, 'memory.enable_memory_arena_shrinkage', 'cpu:0')
    return new CArena(
      api,
      session,
      binding,
      new NativeHandle(allocator, call.releaseAllocator),
      new NativeHandle(shrink, call.releaseRunOptions),
    )
  }

  /** Bytes of the arena and of initializers. */
  heldBytes(): number {
    const { call, create } = this.#api
    const pairs = create((out) => call.allocatorGetStats(this.#allocator.pointer, out))
    const total = call.getKeyValue(pairs, 'TotalAllocated')
    call.releaseKeyValuePairs(pairs)
    return Number(total ?? 0)
  }

  /** Gives back the regions of the arena that nothing uses. */
  trim(): void {
    this.#api.call.runWithBinding(this.#session.pointer, this.#shrink.pointer, this.#binding.pointer)
  }

  release(): void {
    this.#shrink.release()
    this.#allocator.release()
    this.#binding.release()
    this.#session.release()
  }
}
