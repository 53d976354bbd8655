import {
  type Backend,
  type Binding,
  bytesOf,
  type CacheBuffer,
  type DeviceBuffer,
  type DType,
  type GraphValue,
  type HostBuffer,
  type Kernel,
  type LayerGraph,
  type Queue,
  type QueueEvent,
  type Span,
  spanOf,
  tensorBytes,
} from '@flexgen/spec'
import { fillNormal, type NumberKind } from './fill-normal.ts'

/** Sizes of the runs of a probe. */
export interface ProbeShape {
  readonly batch: number
  readonly seq: number
}

/** Runs queued at most before one is waited for, as the engine does; a card is told of an end later than a host. */
const queuedRuns = { host: 4, card: 16 } as const

/** A graph on a backend with buffers of its own, ready to be run again and again. */
export class Probe {
  readonly backend: Backend
  readonly queue: Queue
  readonly #buffers: (DeviceBuffer | HostBuffer | CacheBuffer)[] = []
  readonly #kernels: Kernel[] = []
  readonly #bound: { readonly kernel: Kernel; readonly binding: Binding }[] = []
  #next = 0

  constructor(backend: Backend) {
    this.backend = backend
    this.queue = backend.createQueue('profile')
  }

  /** Compiles a graph; the probe gives it back. */
  async compile(graph: LayerGraph): Promise<Kernel> {
    const kernel = await this.backend.compile(graph)
    this.#kernels.push(kernel)
    return kernel
  }

  /** Holds the given weights in a prepared kernel. */
  async prepare(kernel: Kernel, names: readonly string[]): Promise<{ kernel: Kernel; heldBytes: number }> {
    const spans = new Map(
      kernel.graph.inputs
        .filter(({ name }) => names.includes(name))
        .map(({ name, dtype, shape }) => {
          const buffer = this.backend.allocateHost(tensorBytes(dtype as DType, shape as readonly number[]))
          fillNormal(buffer.bytes, dtype as DType, 'weight')
          return [name, spanOf(buffer)] as const
        }),
    )
    try {
      const prepared = await kernel.prepare(spans)
      this.#kernels.push(prepared)
      return { kernel: prepared, heldBytes: prepared.heldBytes }
    } finally {
      for (const { buffer } of spans.values()) this.backend.free(buffer)
    }
  }

  /** Memory that kernels can bind, filled with normal numbers. */
  async allocate(dtype: DType, byteLength: number, kind: NumberKind): Promise<Span> {
    const { backend } = this
    const host = backend.allocateHost(byteLength)
    fillNormal(host.bytes, dtype, kind)
    if (backend.device.hostVisible) {
      this.#buffers.push(host)
      return spanOf(host)
    }
    const device = backend.allocate(byteLength)
    this.#buffers.push(device)
    await this.queue.copyIn(spanOf(device), spanOf(host)).whenDone()
    backend.free(host)
    return spanOf(device)
  }

  /** Memory for a value of a graph, its free sizes those of a run. */
  allocateValue({ dtype, shape, role }: GraphValue, run: ProbeShape): Promise<Span> {
    const byteLength = tensorBytes(dtype as DType, sizesOf(shape, run))
    return this.allocate(dtype as DType, byteLength, role === 'weight' ? 'weight' : 'activation')
  }

  /** Integers where kernels can bind them. */
  async allocateNumbers(values: Int32Array): Promise<Span> {
    const { backend } = this
    const span = await this.allocate('int32', values.byteLength, 'activation')
    const bytes = new Uint8Array(values.buffer)
    if (backend.device.hostVisible) {
      bytesOf(span as Span<HostBuffer>).set(bytes)
      return span
    }
    const host = backend.allocateHost(values.byteLength)
    host.bytes.set(bytes)
    await this.queue.copyIn(span, spanOf(host)).whenDone()
    backend.free(host)
    return span
  }

  /** KV rows of one layer; the probe gives them back. */
  allocateCache(...options: Parameters<Backend['allocateCache']>): CacheBuffer {
    const cache = this.backend.allocateCache(...options)
    this.#buffers.push(cache)
    return cache
  }

  /**
   * Binds a kernel for runs of a shape; `run` takes bound kernels in turn.
   * @param given spans that are bound as they are, such as those of system inputs
   */
  async bind(
    kernel: Kernel,
    run: ProbeShape,
    given: ReadonlyMap<string, Span> = new Map(),
    held: readonly string[] = [],
  ): Promise<Binding> {
    const binding = kernel.createBinding()
    for (const value of [...kernel.graph.inputs, ...kernel.graph.outputs]) {
      const { name, shape } = value
      if (held.includes(name)) continue
      const span = given.get(name) ?? (await this.allocateValue(value, run))
      binding.set(name, span, sizesOf(shape, run))
    }
    this.#bound.push({ kernel, binding })
    return binding
  }

  /** Runs bound kernels in turn. */
  async run(count: number): Promise<void> {
    const events: QueueEvent[] = []
    const most = this.backend.device.hostVisible ? queuedRuns.host : queuedRuns.card
    for (let i = 0; i < count; i++) {
      const { kernel, binding } = this.#bound[this.#next++ % this.#bound.length]!
      if (events.length >= most) await events.shift()!.whenDone()
      events.push(this.queue.run(kernel, binding))
    }
    for (const event of events) await event.whenDone()
  }

  /** Ends the bindings, so that others can be made. */
  unbind(): void {
    for (const { binding } of this.#bound.splice(0)) binding.release()
    this.#next = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.idle()
    this.unbind()
    for (const kernel of this.#kernels.toReversed()) await kernel[Symbol.asyncDispose]()
    for (const buffer of this.#buffers) this.backend.free(buffer)
  }
}

function sizesOf(shape: GraphValue['shape'], { batch, seq }: ProbeShape): number[] {
  return shape.map((size) => (size === 'batch' ? batch : size === 'seq' ? seq : size))
}
