import { AbortedError, type QueueEvent, UsageError } from '@flexgen/spec'

/** A queue as the end of its backend sees it. */
export interface EndingQueue {
  cancel(reason?: unknown): void
  idle(): Promise<void>
}

/** What lives no longer than one backend, and how it ends: queues, then work under way, then kernels, then all else. */
export class BackendLifetime<Kernel extends AsyncDisposable = AsyncDisposable> {
  /** Kernels that hold something and are not disposed. */
  readonly kernels: Set<Kernel> = new Set()
  /** Queues that have operations, and how many: one that is idle is nobody's business but its user's. */
  readonly #busyQueues = new Map<EndingQueue, number>()
  readonly #works = new Set<Promise<unknown>>()
  #ending: Promise<void> | undefined

  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  assertOpen(): void {
    if (this.#ending !== undefined) throw new UsageError('the backend is disposed')
  }

  /** Knows a queue for as long as the operation is under way. */
  watch(queue: EndingQueue, operation: QueueEvent): void {
    const queues = this.#busyQueues
    queues.set(queue, (queues.get(queue) ?? 0) + 1)
    operation.onSettled(() => {
      const left = queues.get(queue)! - 1
      if (left > 0) queues.set(queue, left)
      else queues.delete(queue)
    })
  }

  /**
   * Does work that the end of the backend waits for; what it made is released where the backend has ended meanwhile.
   * @throws {FlexgenError} `USAGE` after the end; `ABORTED` where the backend ended during the work
   */
  async track<Made>(work: () => Promise<Made>, release: (made: Made) => unknown): Promise<Made> {
    this.assertOpen()
    const working = work()
    this.#works.add(working)
    const made = await working.finally(() => this.#works.delete(working))
    if (this.#ending === undefined) return made
    await release(made)
    throw disposed()
  }

  /** Ends everything once; `close` gives back what is left, when nothing runs any longer. */
  end(close: () => void | Promise<void>): Promise<void> {
    this.#ending ??= this.#end(close)
    return this.#ending
  }

  async #end(close: () => void | Promise<void>): Promise<void> {
    const queues = [...this.#busyQueues.keys()]
    for (const queue of queues) queue.cancel(disposed())
    await Promise.all(queues.map((queue) => queue.idle()))
    await Promise.allSettled(this.#works)
    await Promise.all([...this.kernels].map((kernel) => kernel[Symbol.asyncDispose]()))
    await close()
  }
}

function disposed(): AbortedError {
  return new AbortedError('the backend was disposed')
}
