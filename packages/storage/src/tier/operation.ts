import { type Clock, type QueueEvent, SettableEvent } from '@flexgen/spec'
import type { Access } from './access.ts'

/** One operation of a tier's queue: some pieces, and the one event that stands for them all. */
export interface Operation {
  readonly event: SettableEvent
  readonly accesses: readonly Access[] | undefined
  /** Pieces that have not ended, and one more while pieces are still added. */
  openPieces: number
  /** The first error of a piece. */
  error: unknown
}

/**
 * The operations of a queue that have not ended, oldest first; they end in this order.
 *
 * An operation ends with the error of any of its pieces, and only once its last piece has stopped moving bytes: the
 * event of the last piece alone says neither. What is behind a failed operation fails with the same error.
 */
export class OperationList {
  readonly #clock: Clock
  readonly #open: Operation[] = []
  #failure: unknown

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#open.length === 0
  }

  /** The youngest operation that `found` holds for. */
  findLast(found: (operation: Operation) => boolean): Operation | undefined {
    return this.#open.findLast(found)
  }

  /** Adds an operation whose pieces `queuePieces` queues, handing each one's event to `piece`. */
  add(accesses: readonly Access[] | undefined, queuePieces: (piece: (event: QueueEvent) => void) => void): Operation {
    const operation: Operation = { event: new SettableEvent(), accesses, openPieces: 1, error: undefined }
    this.#open.push(operation)
    const ended = (error: unknown): void => this.#end(operation, error)
    queuePieces((event) => {
      operation.openPieces++
      event.onSettled(ended)
    })
    ended(undefined)
    return operation
  }

  #end(operation: Operation, error: unknown): void {
    operation.error ??= error
    operation.openPieces--
    while (this.#open[0]?.openPieces === 0) {
      const first = this.#open.shift()!
      this.#failure ??= first.error
      first.event.settle(this.#clock.now(), this.#failure)
    }
  }
}
