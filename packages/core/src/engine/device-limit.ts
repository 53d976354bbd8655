import type { Backend } from '@flexgen/spec'

/**
 * The limit of everything that a backend allocates on its device, from an engine's first weight to its end. It follows the
 * engine's budget: what passes that is refused where it is asked for, whatever it is.
 */
export class DeviceLimit {
  readonly #backend: Backend
  #limitBytes = Number.POSITIVE_INFINITY

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Lets so much be held, undefined as much as there is, where less was allowed. */
  raise(limitBytes: number = Number.POSITIVE_INFINITY): void {
    if (limitBytes <= this.#limitBytes) return
    this.#limitBytes = limitBytes
    void this.#backend.setMemoryLimit(limitBytes)
  }

  /**
   * Settles once no more than that is held.
   * @throws {FlexgenError} `OUT_OF_MEMORY` where buffers hold more; then the limit stays what it was
   */
  async hold(limitBytes: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (limitBytes === this.#limitBytes) return
    await this.#backend.setMemoryLimit(limitBytes).whenDone()
    this.#limitBytes = limitBytes
  }

  /** The engine has ended: its backend is not limited any more. */
  end(): void {
    this.raise()
  }
}
