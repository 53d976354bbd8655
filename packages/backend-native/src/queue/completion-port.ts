import { Socket } from 'node:net'
import type { NativeLibrary } from '../library/native-library.ts'

/** What the library tells of an operation that has ended. */
export interface Completion {
  /** 0 for success; else a number of `enum fx_status` in flexgen.h. */
  readonly status: number
  /** Milliseconds of the monotonic clock. */
  readonly startMs: number
  readonly endMs: number
  readonly details: readonly number[]
}

/** Numbers of `enum fx_status` in flexgen.h. */
export const completionStatus = { ok: 0, dropped: 1, waitFailed: 2, badIndex: 3, badLength: 4 } as const

const entryWords = 8
const mostEntries = 64

/** Hears from the library when operations have ended, through a pipe that the event loop watches. */
export class CompletionPort {
  readonly #library: NativeLibrary
  readonly #handle: bigint
  readonly #entries = new Float64Array(entryWords * mostEntries)
  readonly #listeners: (((completion: Completion) => void) | undefined)[] = []
  /** Numbers of native queues that nobody uses now. */
  readonly #free: number[] = []
  /** By number: waits of other queues that were submitted and have not ended. */
  readonly #waits: number[] = []
  /** Given back while others still wait for their operations. */
  readonly #leaving = new Set<number>()
  readonly #socket: Socket
  #flying = 0

  constructor(library: NativeLibrary, handle: bigint) {
    this.#library = library
    this.#handle = handle
    this.#socket = new Socket({
      fd: library.pipe(handle),
      readable: true,
      writable: false,
      // What the bytes are does not matter: one buffer for all of them.
      onread: {
        buffer: Buffer.alloc(64),
        callback: () => {
          this.#fetch()
          return true
        },
      },
    })
    // An idle backend keeps no process alive.
    this.#socket.unref()
  }

  /** Takes a native queue whose operations are told to the listener in order. Gives its number, or -1. */
  takeQueue(listener: (completion: Completion) => void): number {
    const queue = this.#free.pop() ?? this.#library.createQueue(this.#handle)
    if (queue >= 0) this.#listeners[queue] = listener
    return queue
  }

  /** Gives back a native queue whose operations have all ended: every call of an engine makes queues of its own. */
  giveQueue(queue: number): void {
    this.#listeners[queue] = undefined
    // What waits for one of its operations finds it there until it is its turn.
    if ((this.#waits[queue] ?? 0) > 0) this.#leaving.add(queue)
    else this.#reset(queue)
  }

  /** Says that a wait for an operation of a queue was submitted. */
  waitSubmitted(queue: number): void {
    this.#waits[queue] = (this.#waits[queue] ?? 0) + 1
  }

  /** Says that such a wait has ended. */
  waitEnded(queue: number): void {
    if (--this.#waits[queue]! === 0 && this.#leaving.delete(queue)) this.#reset(queue)
  }

  /** Says that an operation was submitted. */
  submitted(): void {
    if (this.#flying++ === 0) this.#socket.ref()
  }

  close(): void {
    this.#socket.destroy()
  }

  #reset(queue: number): void {
    this.#library.resetQueue(this.#handle, queue)
    this.#free.push(queue)
  }

  #fetch(): void {
    let count: number
    do {
      count = this.#library.fetch(this.#handle, this.#entries, mostEntries)
      const ended = Array.from({ length: count }, (_, i) => this.#entries.slice(i * entryWords, (i + 1) * entryWords))
      this.#flying -= count
      if (this.#flying === 0) this.#socket.unref()
      for (const [queue, status, startMs, endMs, ...details] of ended)
        this.#listeners[queue!]!({ status: status!, startMs: startMs!, endMs: endMs!, details })
    } while (count === mostEntries)
  }
}
