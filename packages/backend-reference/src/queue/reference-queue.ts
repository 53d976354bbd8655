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
import { type KernelContext, ReferenceKernel } from '../kernel/reference-kernel.ts'
import { planCacheCopy } from './plan-cache-copy.ts'

/** A queue of the reference backend: checks at once, works later, one operation at a time. */
export class ReferenceQueue implements Queue {
  readonly name: string
  readonly #context: KernelContext
  readonly #tasks: TaskQueue
  #openCount = 0

  constructor(name: string, context: KernelContext, clock: Clock, trace: TraceSink | undefined) {
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
    if (!(kernel instanceof ReferenceKernel) || !kernel.isOf(this.#context))
      throw new UsageError('the kernel was compiled by another backend')
    const { run, hold } = kernel.plan(binding)
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

  /** Work starts after a turn of the event loop, so that events are really pending as on a device. */
  #push(label: string, sizeBytes: number, work: () => void): QueueEvent {
    const { assertOpen, busyQueues, pause } = this.#context
    assertOpen()
    busyQueues.add(this)
    this.#openCount++
    const event = this.#tasks.push(label, sizeBytes, async () => {
      await pause(label)
      work()
    })
    event.onSettled(() => {
      if (--this.#openCount === 0) busyQueues.delete(this)
    })
    return event
  }
}

type Place = 'host' | 'device'
