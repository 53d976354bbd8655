import { widenBfloat16, widenFloat16 } from '@flexgen/spec'
import { castModel } from '../onnx/cast-model.ts'
import type { Session, SessionRuntime } from '../sessions/session.ts'

/** Half dtypes. */
export type HalfType = 'float16' | 'bfloat16'

/** Widens half values to float32, both at any byte offset that the runtime takes. */
export class WidenWeights {
  readonly #runtime: SessionRuntime
  readonly #sessions = new Map<HalfType, Promise<Session>>()

  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime
  }

  /** Widens; with the runtime's threads where it takes half tensors. */
  async widen(source: Uint8Array, type: HalfType, target: Uint8Array): Promise<void> {
    if (!this.#runtime.halfTensors) {
      widenBytes(source, type, target)
      return
    }
    let making = this.#sessions.get(type)
    if (making === undefined) {
      making = this.#runtime.createSession(castModel(type))
      this.#sessions.set(type, making)
    }
    const session = await making
    const binding = session.createBinding()
    try {
      const shape = [source.byteLength / 2]
      binding.input('input', { bytes: source, type, shape })
      binding.output('output', { bytes: target, type: 'float32', shape })
      await session.run(binding, false)
    } finally {
      binding.release()
    }
  }

  async release(): Promise<void> {
    const made = await Promise.allSettled(this.#sessions.values())
    for (const result of made) if (result.status === 'fulfilled') result.value.release()
    this.#sessions.clear()
  }
}

/** Widens in TypeScript. */
export function widenBytes(source: Uint8Array, type: HalfType, target: Uint8Array): void {
  // A view of 16-bit values needs an even offset, which weights in a file need not have.
  const aligned = source.byteOffset % 2 === 0 ? source : source.slice()
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, source.byteLength / 2)
  const floats = new Float32Array(target.buffer, target.byteOffset, halves.length)
  if (type === 'float16') widenFloat16(halves, floats)
  else widenBfloat16(halves, floats)
}
