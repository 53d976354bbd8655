import {
  type Binding,
  type CacheRange,
  type Clock,
  type DeviceBuffer,
  type HostBuffer,
  InternalError,
  type Kernel,
  OutOfMemoryError,
  type PageRange,
  type Queue,
  type QueueEvent,
  type Span,
  type TraceSink,
  UsageError,
} from '@flexgen/spec'
import type { KernelContext } from '../kernels/kernel-context.ts'
import { NativeKernel, type PlannedRun } from '../kernels/native-kernel.ts'
import { assertThere, type MappedBytes } from '@flexgen/backend-kit'
import { NativeEvent } from './native-event.ts'
import { OperationQueue } from './operation-queue.ts'
import { operationError } from './operation-error.ts'
import { type CacheCopy, planCacheCopy } from './plan-cache-copy.ts'

/** Rows of bytes at a distance from each other; a plain copy is one. */
interface Lanes {
  readonly count: number
  readonly sizeBytes: number
  readonly targetFrom: number
  readonly sourceFrom: number
  readonly targetStride: number
  readonly sourceStride: number
}

/** A queue of the native backend: checks at once, then hands operations to the library's threads. */
export class NativeQueue implements Queue {
  readonly name: string
  readonly #context: KernelContext
  readonly #operations: OperationQueue

  constructor(name: string, context: KernelContext, clock: Clock, trace: TraceSink | undefined) {
    this.name = name
    this.#context = context
    this.#operations = new OperationQueue(name, context, clock, trace)
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
    const { row, page, ...lanes } = planCacheCopy(target, source, this.#context)
    return this.#copyLanes('copyToCache', row, page, lanesOf(lanes, true))
  }

  copyFromCache(target: PageRange, source: CacheRange): QueueEvent {
    const { row, page, ...lanes } = planCacheCopy(source, target, this.#context)
    return this.#copyLanes('copyFromCache', page, row, lanesOf(lanes, false))
  }

  run(kernel: Kernel, binding: Binding): QueueEvent {
    if (!(kernel instanceof NativeKernel) || !kernel.isOf(this.#context))
      throw new UsageError('the kernel was compiled by another backend')
    const planned = kernel.plan(binding)
    const event = new NativeEvent()
    const { graph } = kernel
    planned.hold(event)
    this.#operations.push({
      label: `run ${graph.name}`,
      sizeBytes: 0,
      event,
      submit: (queue) => this.#submitRun(queue, graph.name, planned, event),
      errorOf: (completion) => operationError(graph.name, planned.program.nodes, completion),
    })
    this.#context.lifetime.watch(this, event)
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

  /** Copies memory that is checked; for the backend itself. */
  copyBytes(target: Uint8Array, source: Uint8Array): QueueEvent {
    const lent = (bytes: Uint8Array): MappedBytes => ({ bytes, owner: undefined })
    return this.#copyLanes('copy', lent(target), lent(source), plainLanes(source.byteLength))
  }

  #submitRun(queue: number, name: string, { program, plan }: PlannedRun, event: NativeEvent): QueueEvent | undefined {
    const { scratch, ledger, library, handle } = this.#context
    const obstacle = scratch.obstacle(plan.scratchBytes)
    if (obstacle !== undefined) return obstacle
    for (const { memory, byteLength } of plan.lent) assertThere(memory, byteLength, `${name}: a binding`)
    ledger.growWorkspace(plan.scratchBytes, `a run of ${name}`)
    const address = scratch.take(plan.scratchBytes, event)
    ledger.workspaceChanged()
    event.onSettled(() => {
      scratch.leave(event)
      ledger.workspaceChanged()
    })
    assertSubmitted(library.submitRun(handle, queue, program.pointer, plan.table, address))
    return undefined
  }

  #copy(label: string, target: Span, source: Span): QueueEvent {
    const { memory } = this.#context
    if (target.byteLength !== source.byteLength)
      throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
    const to = memory.lend(target, `the target of ${label}`)
    const from = memory.lend(source, `the source of ${label}`)
    return this.#copyLanes(label, to, from, plainLanes(source.byteLength))
  }

  /** Memory of this backend stays for as long as an operation uses it, whatever `free` was told. */
  #copyLanes(label: string, to: MappedBytes, from: MappedBytes, lanes: Lanes): QueueEvent {
    this.#context.lifetime.assertOpen()
    const { library, handle, addressOf } = this.#context
    const [toBytes, fromBytes] = [to.bytes.byteLength, from.bytes.byteLength]
    const event = new NativeEvent()
    to.owner?.retain()
    from.owner?.retain()
    event.onSettled(() => {
      to.owner?.release()
      from.owner?.release()
    })
    this.#operations.push({
      label,
      sizeBytes: lanes.count * lanes.sizeBytes,
      event,
      submit: (queue) => {
        assertThere(to, toBytes, `the target of ${label}`)
        assertThere(from, fromBytes, `the source of ${label}`)
        assertSubmitted(
          library.submitCopy(
            handle,
            queue,
            addressOf(to.bytes) + lanes.targetFrom,
            addressOf(from.bytes) + lanes.sourceFrom,
            lanes.sizeBytes,
            lanes.count,
            lanes.targetStride,
            lanes.sourceStride,
          ),
        )
        return undefined
      },
      errorOf: () => new InternalError(`${label} failed`),
    })
    this.#context.lifetime.watch(this, event)
    return event
  }
}

function plainLanes(sizeBytes: number): Lanes {
  return { count: 1, sizeBytes, targetFrom: 0, sourceFrom: 0, targetStride: 0, sourceStride: 0 }
}

function lanesOf({ lanes, laneBytes, rowFrom, rowStride, pageFrom, pageStride }: CacheCopy, isToRow: boolean): Lanes {
  const [targetFrom, sourceFrom] = isToRow ? [rowFrom, pageFrom] : [pageFrom, rowFrom]
  const [targetStride, sourceStride] = isToRow ? [rowStride, pageStride] : [pageStride, rowStride]
  return { count: lanes, sizeBytes: laneBytes, targetFrom, sourceFrom, targetStride, sourceStride }
}

function assertSubmitted(isQueued: number): void {
  if (isQueued === 0) throw new OutOfMemoryError('the system refused memory for an operation')
}
