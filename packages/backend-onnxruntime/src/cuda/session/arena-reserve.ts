/** An arena as its reserve sees it. */
export interface ReservedArena {
  /** @throws {FlexgenError} `OUT_OF_MEMORY` */
  allocate(byteLength: number): bigint
  free(address: bigint): void
  /** Gives back every region of which nothing is in use. */
  shrink(): void
}

/**
 * One free piece of an arena, as large as the largest run so far needs at most. The arena takes the pieces of a run from it
 * one behind the other, so that no run makes the arena grow: whether there is memory is known before a run starts.
 */
export class ArenaReserve {
  readonly #arena: ReservedArena
  #sizeBytes = 0

  constructor(arena: ReservedArena) {
    this.#arena = arena
  }

  /** Bytes that a run may use. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Makes it large enough, in place of what there was. @throws {FlexgenError} `OUT_OF_MEMORY`; then there is none */
  ensure(byteLength: number): void {
    if (byteLength <= this.#sizeBytes) return
    this.shrink()
    const address = this.#arena.allocate(byteLength)
    this.#arena.free(address)
    this.#sizeBytes = byteLength
  }

  /** Gives it back with everything else that nobody uses. */
  shrink(): void {
    this.#sizeBytes = 0
    this.#arena.shrink()
  }
}
