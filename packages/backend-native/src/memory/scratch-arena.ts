import type { MappedMemory, PageMemory } from '@flexgen/backend-kit'
import type { QueueEvent } from '@flexgen/spec'
import type { AddressOf } from '../library/address-of.ts'

const grainBytes = 64 * 1024

/** Bytes of the block that a run with so much scratch takes. */
export function scratchBlockBytes(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / grainBytes)) * grainBytes
}

/**
 * One block of scratch for all runs: they run one after the other, whatever their queues, so they share it. It grows
 * with the runs and is kept between them.
 */
export class ScratchArena {
  readonly #pages: PageMemory
  readonly #addressOf: AddressOf
  readonly #users = new Set<QueueEvent>()
  #block: MappedMemory | undefined
  #heldBytes = 0

  constructor(pages: PageMemory, addressOf: AddressOf) {
    this.#pages = pages
    this.#addressOf = addressOf
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** A run that must end before the block can be so large; undefined where nothing stands in the way. */
  obstacle(byteLength: number): QueueEvent | undefined {
    if (byteLength <= this.#heldBytes) return undefined
    return this.#users.values().next().value
  }

  /**
   * Address of the block for a run.
   * @param run settles when the block is not needed any longer
   * @throws {FlexgenError} `OUT_OF_MEMORY`
   */
  take(byteLength: number, run: QueueEvent): number {
    if (this.#block === undefined || byteLength > this.#heldBytes) {
      this.trim()
      const size = scratchBlockBytes(byteLength)
      this.#block = this.#pages.map(size)
      this.#heldBytes = size
    }
    this.#users.add(run)
    return this.#addressOf(new Uint8Array(this.#block.buffer))
  }

  /** Says that a run has ended. */
  leave(run: QueueEvent): void {
    this.#users.delete(run)
  }

  /** Gives the block back where no run uses it. */
  trim(): void {
    if (this.#users.size > 0) return
    this.#block?.unmap()
    this.#block = undefined
    this.#heldBytes = 0
  }
}
