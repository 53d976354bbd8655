import { setImmediate } from 'node:timers/promises'
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
import { type KernelContext, TfjsKernel } from '../kernel/tfjs-kernel.ts'
import { planCacheCopy } from './plan-cache-copy.ts'

/** A queue of the TensorFlow.js backend: checks at once, works later, one operation at a time. */
export class TfjsQueue implements Queue {
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
    return this.#copy('copyIn', target, source)
  }

  copyOut(target: Span<HostBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    return this.#copy('copyOut', target, source)
  }

  copy(target: Span<DeviceBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    return this.#copy('copy', target, source)
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
    if (!(kernel instanceof TfjsKernel) || !kernel.isOf(this.#context))
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

  #copy(label: string, target: Span, source: Span): QueueEvent {
    if (target.byteLength !== source.byteLength)
      throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
    const to = this.#context.table.lend(target, `the target of ${label}`)
    const from = this.#context.table.lend(source, `the source of ${label}`)
    return this.#push(label, source.byteLength, () => to().set(from()))
  }

  /** Work starts after a turn of the event loop, so that events are really pending as on a device. */
  #push(label: string, sizeBytes: number, work: () => void | Promise<void>): QueueEvent {
    const { assertOpen, busyQueues } = this.#context
    assertOpen()
    busyQueues.add(this)
    this.#openCount++
    const event = this.#tasks.push(label, sizeBytes, async () => {
      await setImmediate()
      await work()
    })
    event.onSettled(() => {
      if (--this.#openCount === 0) busyQueues.delete(this)
    })
    return event
  }
}
