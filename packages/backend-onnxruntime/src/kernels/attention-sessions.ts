import { type AttentionVariant, attentionModel, transposeModel } from '../graphs/attention-model.ts'
import type { Session, SessionRuntime } from '../sessions/session.ts'

/** The sessions for attention, shared by all kernels of a backend and made when first needed. */
export class AttentionSessions {
  readonly #runtime: SessionRuntime
  readonly #ready = new Map<string, Session>()
  readonly #making = new Map<string, Promise<Session>>()

  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime
  }

  /** The session of a variant, at once where it is there. */
  get(variant: AttentionVariant): Session | Promise<Session> {
    const { heads, kvHeads, headDim, scale, isDecode, isSliced, isSparse } = variant
    return this.#get(`${heads} ${kvHeads} ${headDim} ${scale} ${isDecode} ${isSliced} ${isSparse}`, () =>
      attentionModel(variant),
    )
  }

  /** The session that swaps tokens and heads. */
  transpose(): Session | Promise<Session> {
    return this.#get('transpose', transposeModel)
  }

  /** Releases all sessions once those being made are there. */
  async release(): Promise<void> {
    await Promise.allSettled(this.#making.values())
    for (const session of this.#ready.values()) session.release()
    this.#ready.clear()
  }

  #get(key: string, encode: () => Uint8Array): Session | Promise<Session> {
    const ready = this.#ready.get(key)
    if (ready !== undefined) return ready
    let making = this.#making.get(key)
    if (making === undefined) {
      making = this.#runtime.createSession(encode())
      this.#making.set(key, making)
      making.then(
        (session) => {
          this.#ready.set(key, session)
          this.#making.delete(key)
        },
        () => this.#making.delete(key),
      )
    }
    return making
  }
}
