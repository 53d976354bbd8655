import {
  type Binding,
  type CacheRange,
  type Clock,
  type DeviceBuffer,
  type HostBuffer,
  type Kernel,
  type PageRange,
  type Queue,
  type QueueEvent,
  type Span,
  TaskQueue,
  type TraceSink,
  UsageError,
} from '@flexgen/spec'
import type { BackendLifetime } from '../backend/backend-lifetime.ts'
import type { RunMemory } from '../run/plan-run.ts'
import { planCacheCopy } from './plan-cache-copy.ts'

/** A run that was checked. */
export interface PlannedRun {
  readonly run: () => void | Promise<void>
  /** Keeps what the run uses until its event has ended. */
  readonly hold: (event: QueueEvent) => void
}

/** What queues need of their backend. */
export interface HostQueueContext extends RunMemory {
  readonly lifetime: BackendLifetime
  /** Lets the event loop turn before an operation works, so that events are really pending as on a device. */
  readonly pause: (label: string) => Promise<void>
  /** Checks a run. @throws {FlexgenError} `USAGE` for a kernel of another backend or a bad binding */
  readonly plan: (kernel: Kernel, binding: Binding) => PlannedRun
}

/** A queue over host memory: checks at once, works later, one operation at a time. */
export class HostQueue implements Queue {
  readonly name: string
  readonly #context: HostQueueContext
  readonly #tasks: TaskQueue

  constructor(name: string, context: HostQueueContext, clock: Clock, trace: TraceSink | undefined) {
    this.name = name
    this.#context = context
    this.#tasks = new TaskQueue({ name, clock, trace })
  }

  copyIn(target: Span<DeviceBuffer>, source: Span<HostBuffer>): QueueEvent {
    return this.#copy('copyIn', target, 'device', source, 'host')
  }

  copyOut(target: Span<HostBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    return this.#copy('copyOut', target, 'host', source, 'device')
  }

  copy(target: Span<DeviceBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    return this.#copy('copy', target, 'device', source, 'device')
  }

  copyToCache(target: CacheRange, source: PageRange): QueueEvent {
    const { sizeBytes, each } = planCacheCopy(target, source, this.#context)
    return this.#push('copyToCache', sizeBytes, () => each((row, page) => row.set(page)))
  }

  copyFromCache(target: PageRange, source: CacheRange): QueueEvent {
    const { sizeBytes, each } = planCacheCopy(source, target, this.#context)
    return this.#push('copyFromCache', sizeBytes, () => each((row, page) => page.set(row)))
  }

  run(kernel: Kernel, binding: Binding): QueueEvent {
    const { run, hold } = this.#context.plan(kernel, binding)
    const event = this.#push(`run ${kernel.graph.name}`, 0, run)
    hold(event)
    return event
  }

  wait(event: QueueEvent): void {
    this.#tasks.wait(event)
  }

  cancel(reason?: unknown): void {
    this.#tasks.cancel(reason)
  }

  idle(): Promise<void> {
    return this.#tasks.idle()
  }

  #copy(label: string, target: Span, targetPlace: Place, source: Span, sourcePlace: Place): QueueEvent {
    if (target.byteLength !== source.byteLength)
      throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
    const to = this.#context.table.lend(target, targetPlace, `the target of ${label}`)
    const from = this.#context.table.lend(source, sourcePlace, `the source of ${label}`)
    return this.#push(label, source.byteLength, () => to().set(from()))
  }

  #push(label: string, sizeBytes: number, work: () => void | Promise<void>): QueueEvent {
    const { lifetime, pause } = this.#context
    lifetime.assertOpen()
    const event = this.#tasks.push(label, sizeBytes, async () => {
      await pause(label)
      return work()
    })
    lifetime.watch(this, event)
    return event
  }
}

type Place = 'host' | 'device'
