import {
  type Binding,
  type CacheRange,
  cachePageBytes,
  type DeviceBuffer,
  type HostBuffer,
  type Kernel,
  type PageRange,
  type Queue,
  type QueueEvent,
  type Span,
  UsageError,
} from '@flexgen/spec'
import { type KernelContext, SimulatedKernel } from '../kernel/simulated-kernel.ts'
import { memoryOf } from '../memory/simulated-memory.ts'
import type { OperationQueue } from '../time/operation-queue.ts'
import type { SharedResource } from '../time/shared-resource.ts'

/** What one direction of copies uses. */
export interface CopyPath {
  readonly resource: SharedResource
  readonly bytesPerSecond: number
}

/** What queues need of their backend. */
export interface QueueContext extends KernelContext {
  readonly paths: { readonly in: CopyPath; readonly out: CopyPath; readonly within: CopyPath }
  readonly compute: SharedResource
  /** Of every copy. */
  readonly transferSeconds: number
  /** Time of a run from the time of its computation and its place in a sweep. */
  readonly runSeconds: (kernel: SimulatedKernel, computeSeconds: number) => number
}

/** A queue of a simulated backend: checks what it is given, moves nothing, takes the time. */
export class SimulatedQueue implements Queue {
  readonly name: string
  readonly #operations: OperationQueue
  readonly #context: QueueContext

  constructor(operations: OperationQueue, context: QueueContext) {
    this.name = operations.name
    this.#operations = operations
    this.#context = context
  }

  copyIn(target: Span<DeviceBuffer>, source: Span<HostBuffer>): QueueEvent {
    const { table, paths } = this.#context
    table.check(target, 'device', 'the target of copyIn')
    table.check(source, 'host', 'the source of copyIn')
    return this.#copy('copyIn', target, source, paths.in)
  }

  copyOut(target: Span<HostBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    const { table, paths } = this.#context
    table.check(target, 'host', 'the target of copyOut')
    table.check(source, 'device', 'the source of copyOut')
    return this.#copy('copyOut', target, source, paths.out)
  }

  copy(target: Span<DeviceBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    const { table, paths } = this.#context
    table.check(target, 'device', 'the target of copy')
    table.check(source, 'device', 'the source of copy')
    return this.#copy('copy', target, source, paths.within)
  }

  copyToCache(target: CacheRange, source: PageRange): QueueEvent {
    return this.#copyCache('copyToCache', target, source, this.#context.paths.in)
  }

  copyFromCache(target: PageRange, source: CacheRange): QueueEvent {
    return this.#copyCache('copyFromCache', source, target, this.#context.paths.out)
  }

  run(kernel: Kernel, binding: Binding): QueueEvent {
    const { assertOpen, compute, runSeconds } = this.#context
    assertOpen()
    if (!(kernel instanceof SimulatedKernel) || !kernel.isOf(this.#context)) {
      throw new UsageError('the kernel was compiled by another backend')
    }
    const { seconds, hold, bind } = kernel.plan(binding)
    const event = this.#operations.push(kernel.label, 0, compute, runSeconds(kernel, seconds), hold)
    bind(event)
    return event
  }

  wait(event: QueueEvent): void {
    this.#operations.wait(event)
  }

  cancel(reason?: unknown): void {
    this.#operations.cancel(reason)
  }

  idle(): Promise<void> {
    return this.#operations.idle()
  }

  #copy(label: string, target: Span, source: Span, path: CopyPath): QueueEvent {
    if (target.byteLength !== source.byteLength) {
      throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
    }
    carry(target, source)
    return this.#push(label, source.byteLength, path)
  }

  #copyCache(label: string, cache: CacheRange, { page, position }: PageRange, path: CopyPath): QueueEvent {
    const { table } = this.#context
    const { count } = cache
    const { spec } = table.checkRow(cache, cache.position, count)
    table.check(page.span, 'host', 'the page')
    if (!(position >= 0 && position + count <= page.positions)) {
      throw new UsageError(`${label}: positions ${position} to ${position + count} of a page of ${page.positions}`)
    }
    if (page.span.byteLength < cachePageBytes(spec, page.positions)) {
      throw new UsageError(`${label}: a page of ${page.positions} positions has ${page.span.byteLength} bytes`)
    }
    return this.#push(label, cachePageBytes(spec, count), path)
  }

  #push(label: string, sizeBytes: number, { resource, bytesPerSecond }: CopyPath): QueueEvent {
    const { assertOpen, transferSeconds } = this.#context
    assertOpen()
    return this.#operations.push(label, sizeBytes, resource, transferSeconds + sizeBytes / bytesPerSecond)
  }
}

/** Carries over what anybody will read: where small inputs come from, and what the head has found. */
function carry(target: Span, source: Span): void {
  const from = memoryOf(source.buffer)
  const to = memoryOf(target.buffer)
  if (to === undefined) return
  to.source = target.byteOffset === source.byteOffset ? from : undefined
  if (from === undefined || from.words.length === 0) return
  const first = source.byteOffset / 4
  const count = source.byteLength / 4
  const moved = (target.byteOffset - source.byteOffset) / 4
  const words = from.words
    .filter(({ at }) => at >= first && at < first + count)
    .map(({ at, bits }) => ({ at: at + moved, bits }))
  to.setWords(words, target.byteOffset / 4, count)
}
