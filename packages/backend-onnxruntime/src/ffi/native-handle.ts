import { InternalError } from '@flexgen/spec'

/** Owns one object of a native library: keeps what it reads alive, and releases it exactly once. */
export class NativeHandle {
  #owned: { readonly pointer: bigint; readonly release: (pointer: bigint) => void; readonly keep: unknown } | undefined

  /** @param keep memory of JavaScript that the native object reads */
  constructor(pointer: bigint, release: (pointer: bigint) => void, keep?: unknown) {
    this.#owned = { pointer, release, keep }
  }

  /** @throws {FlexgenError} `INTERNAL` after the release */
  get pointer(): bigint {
    if (this.#owned === undefined) throw new InternalError('a native object was used after its release')
    return this.#owned.pointer
  }

  /** Releases the object; a second call does nothing. */
  release(): void {
    const owned = this.#owned
    this.#owned = undefined
    owned?.release(owned.pointer)
  }
}
