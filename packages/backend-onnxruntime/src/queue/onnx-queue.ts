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
import type { KernelContext } from '../kernels/kernel-context.ts'
import { OnnxKernel } from '../kernels/onnx-kernel.ts'
import { assertThere, type MappedBytes } from '@flexgen/backend-kit'
import { copyBytes } from './copy-bytes.ts'
import { type CacheCopy, planCacheCopy } from './plan-cache-copy.ts'

/** A queue of the ONNX Runtime backend: checks at once, then works one operation at a time. */
export class OnnxQueue implements Queue {
  readonly name: string
  readonly #context: KernelContext
  readonly #tasks: TaskQueue

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
    return this.#copyCache('copyToCache', planCacheCopy(target, source, this.#context), true)
  }

  copyFromCache(target: PageRange, source: CacheRange): QueueEvent {
    return this.#copyCache('copyFromCache', planCacheCopy(source, target, this.#context), false)
  }

  run(kernel: Kernel, binding: Binding): QueueEvent {
    if (!(kernel instanceof OnnxKernel) || !kernel.isOf(this.#context))
      throw new UsageError('the kernel was compiled by another backend')
    const { run, hold } = kernel.plan(binding)
    const event = this.#start(`run ${kernel.graph.name}`, 0, run)
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
    const { memory } = this.#context
    if (target.byteLength !== source.byteLength)
      throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
    const to = memory.lend(target, `the target of ${label}`)
    const from = memory.lend(source, `the source of ${label}`)
    const { byteLength } = source
    return this.#push(label, byteLength, [to, from], () => {
      assertThere(to, byteLength, `the target of ${label}`)
      assertThere(from, byteLength, `the source of ${label}`)
      return copyBytes(to.bytes, from.bytes)
    })
  }

  #copyCache(label: string, { sizeBytes, row, page, ranges }: CacheCopy, isToRow: boolean): QueueEvent {
    const [rowBytes, pageBytes] = [row.bytes.byteLength, page.bytes.byteLength]
    return this.#push(label, sizeBytes, [row, page], () => {
      assertThere(row, rowBytes, `the cache row of ${label}`)
      assertThere(page, pageBytes, `the page of ${label}`)
      for (const { rowFrom, pageFrom, byteLength } of ranges) {
        if (isToRow) row.bytes.set(page.bytes.subarray(pageFrom, pageFrom + byteLength), rowFrom)
        else page.bytes.set(row.bytes.subarray(rowFrom, rowFrom + byteLength), pageFrom)
      }
    })
  }

  /** Memory of this backend stays for as long as an operation uses it, whatever `free` was told. */
  #push(label: string, sizeBytes: number, lent: readonly MappedBytes[], copy: () => void | Promise<void>): QueueEvent {
    const { lifetime, budget } = this.#context
    lifetime.assertOpen()
    for (const { owner } of lent) owner?.retain()
    const event = this.#start(label, sizeBytes, () => budget.takeTurn(copy))
    event.onSettled(() => {
      for (const { owner } of lent) owner?.release()
    })
    return event
  }

  /** The backend knows a queue while it has operations, so that it can wait for them when it ends. */
  #start(label: string, sizeBytes: number, work: () => void | Promise<void>): QueueEvent {
    const event = this.#tasks.push(label, sizeBytes, work)
    this.#context.lifetime.watch(this, event)
    return event
  }
}
