import { AbortedError, type QueueEvent, type TraceSink } from '@flexgen/spec'
import { type Hold, Operation, type OperationOwner } from './operation.ts'
import type { SharedResource } from './shared-resource.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a queue is made from. */
export interface OperationQueueOptions {
  readonly name: string
  readonly time: VirtualTime
  readonly trace: TraceSink | undefined
  /** Where a queue stands while it has operations. */
  readonly busy: Set<OperationQueue>
  /** Changes the seconds of every operation, for noise. */
  readonly vary: (seconds: number) => number
  /** Told of every operation that has ended well. */
  readonly onDone?: (operation: Operation) => void
}

/** Entries that have left the front of the list are forgotten in pieces of this many, or of half the list. */
const forgottenEntries = 1024

/**
 * An ordered stream of operations on the virtual clock: one runs at a time, events settle in order, and after a
 * failure nothing that was queued behind it runs. A failed queue stays failed.
 */
export class OperationQueue implements OperationOwner {
  readonly name: string
  readonly time: VirtualTime
  readonly #options: OperationQueueOptions
  /** Own operations to run, and events of others to wait for. */
  #entries: (Operation | QueueEvent)[] = []
  #first = 0
  #current: Operation | undefined
  #isBlocked = false
  #isPumping = false
  #failure: { readonly error: unknown } | undefined
  /** What fails once the current operation has ended. */
  #dropped: Operation[] = []
  #idleListeners: (() => void)[] = []

  constructor(options: OperationQueueOptions) {
    this.name = options.name
    this.time = options.time
    this.#options = options
  }

  /** Queues an operation that takes `seconds` of a resource at full speed and alone. */
  push(label: string, sizeBytes: number, resource: SharedResource, seconds: number, hold?: Hold): Operation {
    const operation = new Operation(this, label, sizeBytes, resource, seconds, hold)
    if (this.#isIdle()) this.#options.busy.add(this)
    if (this.#failure !== undefined) this.#drop(operation)
    else {
      this.#entries.push(operation)
      this.#pump()
    }
    return operation
  }

  /** Lets everything queued from now on wait for an event. */
  wait(event: QueueEvent): void {
    // What comes before in this queue has ended by then anyway.
    if (event instanceof Operation && event.owner === this) return
    if (this.#failure !== undefined || (event.isDone() && event.error === undefined)) return
    this.#entries.push(event)
    this.#pump()
  }

  /** Drops what has not started: it fails with `reason` behind what still runs. */
  cancel(reason: unknown = new AbortedError('the queue was cancelled')): void {
    this.#fail(reason)
  }

  /** Settles once nothing runs and nothing waits; never rejects. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => {
      const end = this.time.beginWait()
      this.#idleListeners.push(() => {
        end()
        resolve()
      })
    })
  }

  completed(operation: Operation): void {
    this.#current = undefined
    const nowMs = this.time.now()
    operation.hold?.end()
    this.#options.onDone?.(operation)
    this.#options.trace?.span({
      queue: this.name,
      label: operation.label,
      startMs: operation.startedAtMs,
      endMs: nowMs,
      sizeBytes: operation.sizeBytes,
    })
    operation.settle(nowMs)
    if (this.#dropped.length > 0) this.#settleDropped()
    this.#pump()
  }

  #isIdle(): boolean {
    return this.#current === undefined && this.#first === this.#entries.length
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#current === undefined && !this.#isBlocked && this.#first < this.#entries.length) {
      const entry = this.#entries[this.#first++]!
      if (entry instanceof Operation && entry.owner === this) this.#start(entry)
      else this.#block(entry)
    }
    this.#isPumping = false
    this.#forget()
    if (this.#isIdle()) this.#notifyIdle()
  }

  #start(operation: Operation): void {
    operation.startedAtMs = this.time.now()
    try {
      operation.hold?.begin()
    } catch (error) {
      operation.settle(this.time.now(), error)
      this.#fail(error)
      return
    }
    this.#current = operation
    operation.resource.start(operation, this.#options.vary(operation.workSeconds))
    this.time.wake()
  }

  #block(event: QueueEvent): void {
    if (event.isDone() && event.error === undefined) return
    this.#isBlocked = true
    event.onSettled(this.#unblock)
  }

  /** One for all events: a queue waits for one at a time, and there are hundreds of thousands. */
  readonly #unblock = (error: unknown): void => {
    this.#isBlocked = false
    if (error !== undefined) this.#fail(error)
    this.#pump()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    for (const entry of this.#entries.slice(this.#first)) {
      if (entry instanceof Operation && entry.owner === this) this.#dropped.push(entry)
    }
    this.#entries = []
    this.#first = 0
    if (this.#current === undefined) this.#settleDropped()
    if (this.#isIdle()) this.#notifyIdle()
  }

  #drop(operation: Operation): void {
    this.#dropped.push(operation)
    if (this.#current === undefined) this.#settleDropped()
    if (this.#isIdle()) this.#notifyIdle()
  }

  #settleDropped(): void {
    for (const operation of this.#dropped.splice(0)) operation.settle(this.time.now(), this.#failure!.error)
  }

  #forget(): void {
    if (this.#first === this.#entries.length) {
      this.#entries.length = 0
      this.#first = 0
    } else if (this.#first >= forgottenEntries && 2 * this.#first >= this.#entries.length) {
      this.#entries.splice(0, this.#first)
      this.#first = 0
    }
  }

  #notifyIdle(): void {
    this.#options.busy.delete(this)
    if (this.#idleListeners.length > 0) for (const listener of this.#idleListeners.splice(0)) listener()
  }
}
