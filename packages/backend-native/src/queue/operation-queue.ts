import { AbortedError, type Clock, OutOfMemoryError, type QueueEvent, type TraceSink } from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { type Completion, completionStatus } from './completion-port.ts'
import { NativeEvent } from './native-event.ts'
import type { Flight, NativeWait, Operation } from './operation.ts'

/**
 * Keeps the order of one queue: operations are submitted to the library as soon as nothing of JavaScript stands before
 * them, and their events settle in order. After a failure nothing that was queued behind it runs.
 */
export class OperationQueue {
  readonly name: string
  readonly #context: KernelContext
  readonly #clock: Clock
  readonly #trace: TraceSink | undefined
  /** Not submitted: operations, and events of others that what follows waits for. */
  readonly #held: (Operation | QueueEvent)[] = []
  /** Submitted, or dropped in their turn. */
  readonly #flying: Flight[] = []
  /** The native queue, while something is under way; with it go the numbers of its operations. */
  #number: number | undefined
  #submitted = 0
  #isBlocked = false
  #isPumping = false
  #failure: { readonly error: unknown } | undefined
  #idleListeners: (() => void)[] = []

  constructor(name: string, context: KernelContext, clock: Clock, trace: TraceSink | undefined) {
    this.name = name
    this.#context = context
    this.#clock = clock
    this.#trace = trace
  }

  push(operation: Operation): void {
    if (this.#failure !== undefined) this.#drop(operation)
    else {
      this.#held.push(operation)
      this.#pump()
    }
  }

  wait(event: QueueEvent): void {
    if (this.#failure !== undefined || (event.isDone() && event.error === undefined)) return
    this.#held.push(event)
    this.#pump()
  }

  cancel(reason: unknown = new AbortedError('the queue was cancelled')): void {
    if (this.#failure !== undefined) return
    if (this.#number !== undefined) this.#context.library.cancel(this.#context.handle, this.#number)
    this.#fail(reason)
  }

  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }

  #isIdle(): boolean {
    return this.#held.length === 0 && this.#flying.length === 0
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (!this.#isBlocked && this.#held.length > 0) {
      const next = this.#held[0]!
      if ('submit' in next) this.#start(next)
      else {
        this.#held.shift()
        this.#await(next)
      }
    }
    this.#isPumping = false
    this.#notifyIdle()
  }

  #start(operation: Operation): void {
    try {
      const number = this.#nativeQueue()
      const obstacle = operation.submit(number)
      if (obstacle !== undefined) {
        this.#block(obstacle, true)
        return
      }
      operation.event.place = { handle: this.#context.handle, queue: number, operation: ++this.#submitted }
      this.#held.shift()
      this.#flying.push({ entry: operation, dropped: undefined })
      this.#context.port.submitted()
    } catch (error) {
      // It is the first of those that are held, and fails before them.
      this.#fail(error)
    }
  }

  /** What follows waits: in the library for an operation that is there, here for anything else. */
  #await(event: QueueEvent): void {
    if (event.isDone() && event.error === undefined) return
    const place = event instanceof NativeEvent && !event.isDone() ? event.place : undefined
    if (place?.handle !== this.#context.handle) {
      this.#block(event, false)
      return
    }
    const number = this.#nativeQueue()
    if (place.queue === number) return
    if (this.#context.library.submitWait(place.handle, number, place.queue, place.operation) === 0) throw noMemory()
    this.#submitted++
    this.#flying.push({ entry: { waitsFor: event as NativeEvent, queue: place.queue }, dropped: undefined })
    this.#context.port.waitSubmitted(place.queue)
    this.#context.port.submitted()
  }

  /** @param isHarmless whether a failure of the event is of no interest here */
  #block(event: QueueEvent, isHarmless: boolean): void {
    this.#isBlocked = true
    event.onSettled((error) => {
      this.#isBlocked = false
      if (error !== undefined && !isHarmless) this.#fail(error)
      this.#pump()
    })
  }

  #nativeQueue(): number {
    if (this.#number === undefined) {
      const number = this.#context.port.takeQueue((completion) => this.#complete(completion))
      if (number < 0) throw noMemory()
      this.#number = number
    }
    return this.#number
  }

  #complete(completion: Completion): void {
    const { entry } = this.#flying.shift()!
    if ('waitsFor' in entry) this.#context.port.waitEnded(entry.queue)
    if (completion.status > completionStatus.dropped) this.#fail(errorOf(entry, completion))
    if ('event' in entry) {
      if (completion.status !== completionStatus.dropped) this.#tell(entry, completion)
      entry.event.settle(
        this.#clock.now(),
        completion.status === completionStatus.ok ? undefined : this.#failure!.error,
      )
    }
    this.#settleDropped()
    this.#notifyIdle()
  }

  /** The library tells times of its clock, which is that of `process.hrtime`. */
  #tell({ label, sizeBytes }: Operation, { startMs, endMs }: Completion): void {
    if (this.#trace === undefined) return
    const shiftMs = this.#clock.now() - Number(process.hrtime.bigint()) / 1e6
    this.#trace.span({ queue: this.name, label, startMs: startMs + shiftMs, endMs: endMs + shiftMs, sizeBytes })
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    for (const entry of this.#held.splice(0)) if ('submit' in entry) this.#drop(entry)
    this.#notifyIdle()
  }

  /** An operation that will not run fails in its turn: behind what is still there, so that no event overtakes another. */
  #drop(operation: Operation): void {
    this.#flying.push({ entry: operation, dropped: this.#failure! })
    this.#settleDropped()
  }

  #settleDropped(): void {
    for (let first = this.#flying[0]; first?.dropped !== undefined; first = this.#flying[0]) {
      this.#flying.shift()
      ;(first.entry as Operation).event.settle(this.#clock.now(), first.dropped.error)
    }
  }

  #notifyIdle(): void {
    if (!this.#isIdle()) return
    if (this.#number !== undefined) {
      this.#context.port.giveQueue(this.#number)
      this.#number = undefined
      this.#submitted = 0
    }
    for (const listener of this.#idleListeners.splice(0)) listener()
  }
}

function errorOf(entry: Operation | NativeWait, completion: Completion): unknown {
  return 'waitsFor' in entry ? entry.waitsFor.error : entry.errorOf(completion)
}

function noMemory(): OutOfMemoryError {
  return new OutOfMemoryError('the system refused memory for an operation')
}
