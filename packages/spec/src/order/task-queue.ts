import { AbortedError } from '../error/aborted-error.ts'
import type { Clock } from '../trace/clock.ts'
import type { TraceSink } from '../trace/trace-sink.ts'
import type { QueueEvent } from './queue-event.ts'
import { SettableEvent } from './settable-event.ts'

/** What a task queue is made from. */
export interface TaskQueueOptions {
  /** Name of the queue in the trace, such as `disk read`. */
  readonly name: string
  readonly clock: Clock
  /** How many tasks may run at once; they still complete in order. Default 1. */
  readonly lanes?: number
  readonly trace?: TraceSink | undefined
}

interface Task {
  readonly label: string
  readonly sizeBytes: number
  readonly run: () => void | Promise<void>
  readonly event: SettableEvent
  startedAtMs: number
  finished: boolean
  error: unknown
}

/**
 * An ordered queue of tasks for backends and tiers that have no queue of their own.
 *
 * Tasks start in order, at most `lanes` at once, and their events settle in order. After a failed task, or after
 * waiting for a failed event, nothing that was queued behind it runs: it fails with the same error, so that no
 * operation ever works on bytes that did not arrive. A failed queue stays failed; make a new one.
 */
export class TaskQueue {
  readonly name: string
  readonly #clock: Clock
  readonly #lanes: number
  readonly #trace: TraceSink | undefined
  readonly #pending: (Task | QueueEvent)[] = []
  readonly #running: Task[] = []
  #runningCount = 0
  #blocked = false
  #pumping = false
  #failure: { readonly error: unknown } | undefined
  #idleListeners: (() => void)[] = []

  constructor(options: TaskQueueOptions) {
    this.name = options.name
    this.#clock = options.clock
    this.#lanes = options.lanes ?? 1
    this.#trace = options.trace
  }

  /** Queues a task; `sizeBytes` is what it moves, for the trace. */
  push(label: string, sizeBytes: number, run: () => void | Promise<void>): QueueEvent {
    const task: Task = {
      label,
      sizeBytes,
      run,
      event: new SettableEvent(),
      startedAtMs: 0,
      finished: false,
      error: undefined,
    }
    if (this.#failure !== undefined) this.#drop(task)
    else {
      this.#pending.push(task)
      this.#pump()
    }
    return task.event
  }

  /** Lets everything queued from now on start only after `event` has ended well. */
  wait(event: QueueEvent): void {
    if (this.#failure !== undefined || (event.isDone() && event.error === undefined)) return
    this.#pending.push(event)
    this.#pump()
  }

  /** Drops what has not started: its events fail with `reason`. What runs settles when its bytes have stopped moving. */
  cancel(reason: unknown = new AbortedError('the queue was cancelled')): void {
    this.#fail(reason)
  }

  /** Settles once nothing runs and nothing waits in this queue; never rejects. */
  idle(): Promise<void> {
    if (this.#runningCount === 0 && this.#pending.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#blocked && this.#runningCount < this.#lanes && this.#pending.length > 0) {
      const next = this.#pending.shift()!
      if ('run' in next) this.#start(next)
      else this.#block(next)
    }
    this.#pumping = false
    this.#notifyIdle()
  }

  #block(event: QueueEvent): void {
    this.#blocked = true
    event.onSettled((error) => {
      this.#blocked = false
      if (error !== undefined) this.#fail(error)
      this.#pump()
    })
  }

  #start(task: Task): void {
    this.#running.push(task)
    this.#runningCount++
    task.startedAtMs = this.#clock.now()
    try {
      const result = task.run()
      if (result === undefined) this.#finish(task, undefined)
      else
        result.then(
          () => this.#finish(task, undefined),
          (error: unknown) => this.#finish(task, error ?? new AbortedError('a task failed without a reason')),
        )
    } catch (error) {
      this.#finish(task, error)
    }
  }

  #finish(task: Task, error: unknown): void {
    task.finished = true
    task.error = error
    this.#runningCount--
    if (error !== undefined) this.#fail(error)
    const now = this.#clock.now()
    this.#trace?.span({
      queue: this.name,
      label: task.label,
      startMs: task.startedAtMs,
      endMs: now,
      sizeBytes: task.sizeBytes,
    })
    this.#settleInOrder()
    this.#pump()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    const dropped = this.#pending.splice(0)
    for (const entry of dropped) if ('run' in entry) this.#drop(entry)
    this.#notifyIdle()
  }

  /** A task that will not run fails in its turn: behind what still runs, so that events never overtake moving bytes. */
  #drop(task: Task): void {
    task.finished = true
    task.error = this.#failure!.error
    this.#running.push(task)
    this.#settleInOrder()
  }

  #settleInOrder(): void {
    while (this.#running[0]?.finished) {
      const first = this.#running.shift()!
      first.event.settle(this.#clock.now(), first.error)
    }
  }

  #notifyIdle(): void {
    if (this.#runningCount > 0 || this.#pending.length > 0) return
    for (const listener of this.#idleListeners.splice(0)) listener()
  }
}
