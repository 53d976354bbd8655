import type { Owned } from '@flexgen/backend-kit'
import {
  AbortedError,
  type Binding,
  type CacheCopy,
  type CacheRange,
  type DeviceBuffer,
  type HostBuffer,
  type Kernel,
  type PageRange,
  type Queue,
  type QueueEvent,
  type Span,
  type TraceSink,
  UsageError,
} from '@flexgen/spec'
import type { CudaContext } from '../cuda-context.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { CudaKernel } from '../kernel/cuda-kernel.ts'
import { CudaEvent } from './cuda-event.ts'
import type { Polled } from './completion-poller.ts'
import { planCudaCacheCopies } from './plan-cache-copy.ts'
import { copyToDevice } from './copy-to-device.ts'
import { StreamOrder } from './stream-order.ts'

/** What a queue does once its turn has come. */
export interface Work {
  readonly label: string
  readonly sizeBytes: number
  /** Kernels run on the compute stream, copies on the queue's own. */
  readonly isRun: boolean
  /** Memory that it uses. */
  readonly owners: readonly Owned[]
  /** What must have ended before it can be issued; undefined where nothing holds it back. */
  blocker?(stream: CudaHandle): Promise<void> | undefined
  issue(stream: CudaHandle): void
}

interface Task extends Work {
  readonly event: CudaEvent
  /** Counts what is issued by all queues, so that causes settle before their effects. */
  number: number
  /** Start and end on the device, where the queue is traced. */
  start: CudaHandle | undefined
  end: CudaHandle | undefined
}

type Entry = Task | QueueEvent

/** Copies of so many bytes are waited for one by one; smaller ones have an event of their own where another queue waits for them. */
const markedBytes = 256 * 1024

/** A queue of the CUDA backend: hands its operations to streams as soon as nothing on the host holds them back. */
export class CudaQueue implements Queue, Polled {
  readonly name: string
  readonly #context: CudaContext
  readonly #trace: TraceSink | undefined
  readonly #ownStream: CudaHandle
  readonly #order: StreamOrder
  readonly #pending: Entry[] = []
  /** Tasks that were issued, or have failed, and have not ended; in order. */
  readonly #open: Task[] = []
  #isBlocked = false
  #isPumping = false
  #failure: { readonly error: unknown } | undefined
  #idleListeners: (() => void)[] = []

  constructor(name: string, context: CudaContext, trace: TraceSink | undefined) {
    this.name = name
    this.#context = context
    this.#trace = trace
    this.#ownStream = context.streams.take()
    this.#order = new StreamOrder(context.device.driver, context.events, this.#ownStream)
  }

  copyIn(target: Span<DeviceBuffer>, source: Span<HostBuffer>): QueueEvent {
    checkLengths('copyIn', target, source)
    const {
      memory,
      device: { driver },
      deviceKernels,
    } = this.#context
    const to = memory.lendDevice(target, 'the target of copyIn')
    const from = memory.lendHost(source, 'the source of copyIn')
    const { byteLength } = source
    return this.#push({
      label: 'copyIn',
      sizeBytes: byteLength,
      isRun: false,
      owners: from.owner === undefined ? [to.owner] : [to.owner, from.owner],
      blocker: () => from.owner?.locking,
      issue: (stream) => {
        assertThere(from.bytes, byteLength)
        const { address, deviceAddress } = from
        copyToDevice({ driver, deviceKernels }, to.address, { address, deviceAddress, byteLength }, stream)
        to.owner.wrote(to.byteOffset, from.bytes)
      },
    })
  }

  copyOut(target: Span<HostBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    checkLengths('copyOut', target, source)
    const { memory, device } = this.#context
    const to = memory.lendHost(target, 'the target of copyOut')
    const from = memory.lendDevice(source, 'the source of copyOut')
    const { byteLength } = source
    return this.#push({
      label: 'copyOut',
      sizeBytes: byteLength,
      isRun: false,
      owners: to.owner === undefined ? [from.owner] : [from.owner, to.owner],
      blocker: () => to.owner?.locking,
      issue: (stream) => {
        assertThere(to.bytes, byteLength)
        if (byteLength > 0) device.driver.call.copyOut(to.address, from.address, byteLength, stream)
      },
    })
  }

  copy(target: Span<DeviceBuffer>, source: Span<DeviceBuffer>): QueueEvent {
    checkLengths('copy', target, source)
    const { memory, device } = this.#context
    const to = memory.lendDevice(target, 'the target of copy')
    const from = memory.lendDevice(source, 'the source of copy')
    const { byteLength } = source
    return this.#push({
      label: 'copy',
      sizeBytes: byteLength,
      isRun: false,
      owners: [to.owner, from.owner],
      issue: (stream) => {
        if (byteLength > 0) device.driver.call.copy(to.address, from.address, byteLength, stream)
        to.owner.shadow?.forget()
      },
    })
  }

  copyToCache(target: CacheRange, source: PageRange): QueueEvent {
    return this.copyCacheRows('toCache', [{ range: target, page: source }])
  }

  copyFromCache(target: PageRange, source: CacheRange): QueueEvent {
    return this.copyCacheRows('fromCache', [{ range: source, page: target }])
  }

  copyCacheRows(direction: 'toCache' | 'fromCache', copies: readonly CacheCopy[]): QueueEvent {
    const label = direction === 'toCache' ? 'copyToCache' : 'copyFromCache'
    return this.#push(planCudaCacheCopies(label, copies, this.#context))
  }

  run(kernel: Kernel, binding: Binding): QueueEvent {
    this.#context.lifetime.assertOpen()
    if (!(kernel instanceof CudaKernel) || !kernel.isOf(this.#context))
      throw new UsageError('the kernel was compiled by another backend')
    const { work, hold } = kernel.plan(binding)
    const event = this.#push(work)
    hold(event)
    return event
  }

  wait(event: QueueEvent): void {
    if (this.#failure !== undefined || (event.isDone() && event.error === undefined)) return
    if (event instanceof CudaEvent) this.#ask(event)
    this.#pending.push(event)
    this.#pump()
  }

  /**
   * Asks for an event behind an operation and nothing else: this queue may be held back until much more was issued there, and
   * would wait for all of it.
   */
  #ask(event: CudaEvent): void {
    const { issued } = event
    if (issued === undefined) event.isAwaited = true
    else if (issued.order !== this.#order) issued.order.markUpTo(issued.number)
  }

  cancel(reason: unknown = new AbortedError('the queue was cancelled')): void {
    this.#fail(reason)
  }

  idle(): Promise<void> {
    if (this.#open.length === 0 && this.#pending.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }

  poll(): boolean {
    try {
      return this.#order.poll()
    } catch (error) {
      // The device has failed: what was issued ends with its error.
      this.#order.abandon()
      for (const task of this.#open) task.event.failure ??= { error }
      this.#fail(error)
      return true
    }
  }

  get nextNumber(): number | undefined {
    const [task] = this.#open
    const issued = task?.event.issued
    return issued !== undefined && issued.number <= this.#order.reachedCount ? task!.number : undefined
  }

  settleNext(): void {
    this.#finish(this.#open.shift()!)
    this.#settleFailed()
  }

  get isBusy(): boolean {
    return this.#open.some(({ event }) => event.issued !== undefined)
  }

  #push(work: Work): QueueEvent {
    const { lifetime } = this.#context
    lifetime.assertOpen()
    for (const owner of work.owners) owner.retain()
    const task: Task = { ...work, event: new CudaEvent(), number: 0, start: undefined, end: undefined }
    lifetime.watch(this, task.event)
    if (this.#failure !== undefined) this.#drop(task)
    else {
      this.#pending.push(task)
      this.#pump()
    }
    return task.event
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (!this.#isBlocked && this.#pending.length > 0) {
      const [next] = this.#pending as [Entry, ...Entry[]]
      if ('issue' in next ? this.#isHeldBack(next) : this.#isWaiting(next)) break
      if (this.#pending[0] !== next) continue
      this.#pending.shift()
      if ('issue' in next) this.#issue(next)
    }
    this.#isPumping = false
    this.#settleFailed()
  }

  /** Whether the host must wait for an event; waits on the device are issued. */
  #isWaiting(event: QueueEvent): boolean {
    const error = event.error ?? (event instanceof CudaEvent ? event.failure?.error : undefined)
    if (error !== undefined) {
      this.#fail(error)
      return false
    }
    if (event.isDone()) return false
    if (event instanceof CudaEvent) {
      if (event.issued === undefined) return this.#block((go) => event.onIssued(go))
      this.#order.await(event.issued)
      return false
    }
    return this.#block((go) => event.onSettled(go))
  }

  #isHeldBack(task: Task): boolean {
    const blocker = task.blocker?.(this.#order.stream)
    if (blocker === undefined) return false
    return this.#block((go) => {
      blocker.then(go, (error: unknown) => {
        this.#fail(error)
        go()
      })
    })
  }

  #block(wait: (go: () => void) => void): boolean {
    this.#isBlocked = true
    wait(() => {
      this.#isBlocked = false
      this.#pump()
    })
    return this.#isBlocked
  }

  #issue(task: Task): void {
    const { device, timedEvents, poller } = this.#context
    this.#open.push(task)
    task.number = poller.nextNumber()
    try {
      this.#order.moveTo(task.isRun ? device.computeStream : this.#ownStream)
      if (this.#trace !== undefined) task.start = timedEvents.record(this.#order.stream)
      task.issue(this.#order.stream)
      if (this.#trace !== undefined) task.end = timedEvents.record(this.#order.stream)
      task.event.issued = this.#order.add(task.isRun || task.event.isAwaited || task.sizeBytes >= markedBytes)
    } catch (error) {
      task.event.failure = { error }
      this.#fail(error)
      // What was issued before the failure still moves bytes.
      task.event.issued = this.#order.addFailed()
    }
    task.event.announce()
    poller.watch(this)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    const dropped = this.#pending.splice(0)
    for (const entry of dropped) if ('issue' in entry) this.#drop(entry)
    this.#settleFailed()
  }

  /** A task that will not run fails in its turn: behind what still runs. */
  #drop(task: Task): void {
    task.event.failure = this.#failure!
    this.#open.push(task)
    task.event.announce()
    this.#settleFailed()
  }

  /** Settles what was never issued, once it is its turn; what was issued settles when the poller has seen its end. */
  #settleFailed(): void {
    for (let [task] = this.#open; task !== undefined; [task] = this.#open) {
      if (task.event.issued !== undefined || task.event.failure === undefined) break
      this.#open.shift()
      this.#finish(task)
    }
    if (this.#open.length > 0 || this.#pending.length > 0) return
    for (const listener of this.#idleListeners.splice(0)) listener()
  }

  #finish(task: Task): void {
    const { clock, device, timedEvents } = this.#context
    const { event, label, sizeBytes, start, end, owners } = task
    if (start !== undefined && end !== undefined) {
      const startMs = device.timeOf(start)
      const endMs = Math.max(startMs, device.timeOf(end))
      this.#trace?.span({ queue: this.name, label, startMs, endMs, sizeBytes })
    }
    for (const used of [start, end]) if (used !== undefined) timedEvents.give(used)
    event.settle(clock.now(), event.failure?.error)
    for (const owner of owners) owner.release()
  }
}

function checkLengths(label: string, target: Span, source: Span): void {
  if (target.byteLength !== source.byteLength)
    throw new UsageError(`${label}: the target has ${target.byteLength} bytes, the source ${source.byteLength}`)
}

/** @throws {FlexgenError} `USAGE` where memory went after it was lent, because `free` was not told of its use */
function assertThere(bytes: Uint8Array, byteLength: number): void {
  if (bytes.byteLength === byteLength) return
  throw new UsageError('host memory was freed before a copy that uses it', {
    hint: 'pass the events of all operations that use a buffer to free()',
  })
}
