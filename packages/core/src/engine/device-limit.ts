import type { Backend, QueueEvent } from '@flexgen/spec'

/**
 * The limit of everything that a backend allocates on its device, from an engine's first weight to its end. It follows the
 * engine's budget: what passes that is refused where it is asked for, whatever it is. Engines on one backend share it; the one that
 * runs has set it.
 */
export class DeviceLimit {
  readonly #backend: Backend
  /** What is allowed; undefined as long as nothing was asked for. */
  #limitBytes: number | undefined

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Lets so much be held, undefined as much as there is, where less was allowed. */
  raise(limitBytes: number | undefined): void {
    if (this.#limitBytes !== undefined && (limitBytes ?? Number.POSITIVE_INFINITY) > this.#limitBytes) {
      this.#set(limitBytes)
    }
  }

  /**
   * Settles once no more than that is held.
   * @throws {FlexgenError} `OUT_OF_MEMORY` where buffers hold more; then the limit stays what it was
   */
  async hold(limitBytes: number | undefined): Promise<void> {
    if (limitBytes === undefined && this.#limitBytes === undefined) return
    const before = this.#limitBytes
    try {
      await this.#set(limitBytes).whenDone()
    } catch (error) {
      this.#limitBytes = before
      throw error
    }
  }

  /** The engine has ended: its backend is not limited any more. */
  end(): void {
    if (this.#limitBytes !== undefined) this.#set(undefined)
  }

  #set(limitBytes: number = Number.POSITIVE_INFINITY): QueueEvent {
    this.#limitBytes = limitBytes
    return this.#backend.setMemoryLimit(limitBytes)
  }
}
