import {
  type Backend,
  type Binding,
  bytesOf,
  type CacheBuffer,
  cachePageBytes,
  type CacheRange,
  type CacheRow,
  type CacheSpec,
  type DeviceBuffer,
  doneEvent,
  type DType,
  dtypeBytes,
  elementCount,
  type GraphValue,
  type HostBuffer,
  type Kernel,
  type LayerGraph,
  type PageRange,
  type Queue,
  type QueueEvent,
  SettableEvent,
  type Span,
  spanOf,
  systemClock,
  UsageError,
} from '@flexgen/spec'
import { createHostBuffer, floatsOf, floatTensor, type TestKit } from '@flexgen/conformance'

type Half = 'float16' | 'bfloat16'

/** A buffer of the narrow values of something that is bound as float32. */
interface Side {
  readonly value: GraphValue
  readonly span: Span
  readonly shape: readonly number[]
  readonly narrow: DeviceBuffer
}

/** How activations and KV of float32 are brought to a backend. */
interface Form {
  readonly dtype: DType
  toNarrow(bytes: Uint8Array): Uint8Array
  toWide(bytes: Uint8Array): Uint8Array
}

/**
 * A backend that computes in a half dtype, seen as one that computes in float32: activations and KV are rounded on
 * their way in and widened on their way out. So suites written for float32 test the half dtype, within its tolerance.
 */
export function narrowBackend(backend: Backend, half: Half): Backend {
  return formBackend(backend, {
    dtype: half,
    toNarrow: (bytes) => narrowed(bytes, half),
    toWide: (bytes) => widened(bytes, half),
  })
}

/**
 * The oracle beside it: it computes in float32, on the values that the half dtype holds. Otherwise a function that
 * multiplies differences, such as a softmax of logits of 3000, would be blamed for the rounding of its input.
 */
export function roundingBackend(backend: Backend, half: Half): Backend {
  return formBackend(backend, {
    dtype: 'float32',
    toNarrow: (bytes) => widened(narrowed(bytes, half), half),
    toWide: (bytes) => bytes,
  })
}

function narrowed(bytes: Uint8Array, half: Half): Uint8Array {
  const floats = floatsOf({ dtype: 'float32', shape: [bytes.byteLength / 4], bytes })
  return floatTensor([floats.length], floats, half).bytes
}

function widened(bytes: Uint8Array, half: Half): Uint8Array {
  return new Uint8Array(floatsOf({ dtype: half, shape: [bytes.byteLength / 2], bytes }).buffer)
}

function formBackend(backend: Backend, { dtype, toNarrow, toWide }: Form): Backend {
  const caches = new WeakMap<CacheBuffer, CacheBuffer>()
  /** Bytes of what is narrow, of the bytes of float32. */
  const narrowBytes = (wideBytes: number): number => dtypeBytes(dtype, wideBytes / 4)
  const narrowDtype = (value: GraphValue): GraphValue =>
    value.role !== 'weight' && value.dtype === 'float32' ? { ...value, dtype } : value
  const narrowSpec = (spec: CacheSpec): CacheSpec => (spec.dtype === 'float32' ? { ...spec, dtype } : spec)
  const innerRow = <Row extends CacheRow>(row: Row): Row => ({ ...row, cache: caches.get(row.cache) ?? row.cache })

  class NarrowBinding implements Binding {
    readonly inner: Binding
    readonly sides = new Map<string, Side>()
    readonly #graph: LayerGraph

    constructor(inner: Binding, graph: LayerGraph) {
      this.inner = inner
      this.#graph = graph
    }

    set(name: string, span: Span, shape: readonly number[]): void {
      const value = [...this.#graph.inputs, ...this.#graph.outputs].find((candidate) => candidate.name === name)
      const fits = shape.every((size) => Number.isSafeInteger(size) && size > 0)
      if (value?.dtype !== 'float32' || value.role === 'weight' || !fits) return this.inner.set(name, span, shape)
      const byteLength = 4 * elementCount(shape)
      if (
        span.byteOffset < 0 ||
        span.byteLength < byteLength ||
        span.byteOffset + span.byteLength > span.buffer.byteLength
      )
        throw new UsageError('the span does not fit')
      const narrow = backend.allocate(narrowBytes(byteLength))
      this.sides.set(name, { value, span, shape, narrow })
      this.inner.set(name, spanOf(narrow), shape)
    }

    setCache(name: string, rows: readonly CacheRow[]): void {
      this.inner.setCache(name, rows.map(innerRow))
    }

    release(): void {
      this.inner.release()
    }
  }

  const narrowKernel = (inner: Kernel, graph: LayerGraph): Kernel => {
    const narrow: Kernel & { readonly inner: Kernel } = {
      inner,
      graph,
      createBinding: () => new NarrowBinding(inner.createBinding(), graph),
      workspaceBytes: (shape: Parameters<Kernel['workspaceBytes']>[0]) => inner.workspaceBytes(shape),
      preparedBytes: (names: readonly string[]) => inner.preparedBytes(names),
      prepare: async (weights: Parameters<Kernel['prepare']>[0]) => {
        const prepared = await inner.prepare(weights)
        return { ...narrowKernel(prepared, graph), heldBytes: prepared.heldBytes }
      },
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    }
    return narrow
  }

  const narrowQueue = (inner: Queue): Queue => {
    let last: QueueEvent = doneEvent
    /** Lets the queue wait for work of the host behind an event. */
    const afterHost = (event: QueueEvent, work: () => void): void => {
      const gate = new SettableEvent()
      event.onSettled((error) => {
        if (error === undefined) work()
        gate.settle(systemClock.now(), error)
      })
      inner.wait(gate)
    }
    return {
      name: inner.name,
      copyIn: (target, source) => inner.copyIn(target, source),
      copyOut: (target, source) => inner.copyOut(target, source),
      copy: (target, source) => inner.copy(target, source),
      copyToCache(target: CacheRange, source: PageRange) {
        if (target.cache.spec?.dtype !== 'float32' || !caches.has(target.cache))
          return inner.copyToCache(innerRow(target), source)
        checkPage(target.cache.spec, source)
        const { positions, span } = source.page
        const narrow = createHostBuffer(cachePageBytes(narrowSpec(target.cache.spec), positions))
        const wideBytes = cachePageBytes(target.cache.spec, positions)
        afterHost(last, () => narrow.bytes.set(toNarrow(bytesOf(span).subarray(0, wideBytes))))
        last = inner.copyToCache(innerRow(target), { ...source, page: { positions, span: spanOf(narrow) } })
        return last
      },
      copyFromCache(target: PageRange, source: CacheRange) {
        if (source.cache.spec?.dtype !== 'float32' || !caches.has(source.cache))
          return inner.copyFromCache(target, innerRow(source))
        checkPage(source.cache.spec, target)
        const { positions, span } = target.page
        const { kvHeads, headDim } = source.cache.spec
        const narrow = createHostBuffer(cachePageBytes(narrowSpec(source.cache.spec), positions))
        const event = inner.copyFromCache({ ...target, page: { positions, span: spanOf(narrow) } }, innerRow(source))
        const done = new SettableEvent()
        event.onSettled((error) => {
          if (error === undefined) {
            const wide = toWide(narrow.bytes)
            for (let lane = 0; lane < 2 * kvHeads; lane++) {
              const from = 4 * (lane * positions + target.position) * headDim
              bytesOf(span).set(wide.subarray(from, from + 4 * source.count * headDim), from)
            }
          }
          done.settle(systemClock.now(), error)
        })
        last = done
        return done
      },
      run(kernel: Kernel, binding: Binding) {
        const innerKernel = (kernel as Kernel & { readonly inner?: Kernel }).inner ?? kernel
        if (!(binding instanceof NarrowBinding)) return inner.run(innerKernel, binding)
        for (const { value, span, narrow, shape } of binding.sides.values()) {
          if (!innerKernel.graph.inputs.some(({ name }) => name === value.name)) continue
          const wide = createHostBuffer(4 * elementCount(shape))
          const half = createHostBuffer(narrow.byteLength)
          const read = inner.copyOut(spanOf(wide), { ...span, byteLength: wide.byteLength })
          afterHost(read, () => half.bytes.set(toNarrow(wide.bytes)))
          inner.copyIn(spanOf(narrow), spanOf(half))
        }
        let event = inner.run(innerKernel, binding.inner)
        for (const { value, span, narrow, shape } of binding.sides.values()) {
          if (!innerKernel.graph.outputs.some(({ name }) => name === value.name)) continue
          const half = createHostBuffer(narrow.byteLength)
          const wide = createHostBuffer(4 * elementCount(shape))
          const read = inner.copyOut(spanOf(half), spanOf(narrow))
          afterHost(read, () => wide.bytes.set(toWide(half.bytes)))
          event = inner.copyIn({ ...span, byteLength: wide.byteLength }, spanOf(wide))
        }
        return event
      },
      wait: (event) => inner.wait(event),
      cancel: (reason) => inner.cancel(reason),
      idle: () => inner.idle(),
    }
  }

  return {
    ...backend,
    allocateCache(spec, rows) {
      const inner = backend.allocateCache(narrowSpec(spec), rows)
      if (spec.dtype !== 'float32') return inner
      const cache = { spec, rowCount: inner.rowCount, byteLength: rows * cachePageBytes(spec, spec.maxPositions) }
      caches.set(cache, inner)
      return cache
    },
    free(buffer: DeviceBuffer | HostBuffer | CacheBuffer, ...after) {
      backend.free('spec' in buffer ? (caches.get(buffer) ?? buffer) : buffer, ...after)
    },
    async compile(graph) {
      const narrow = { ...graph, inputs: graph.inputs.map(narrowDtype), outputs: graph.outputs.map(narrowDtype) }
      return narrowKernel(await backend.compile(narrow), graph)
    },
    createQueue: (name, trace) => narrowQueue(backend.createQueue(name, trace)),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  }
}

function checkPage(spec: CacheSpec, { page }: PageRange): void {
  const isWhole = Number.isSafeInteger(page.positions) && page.positions > 0
  if (isWhole && page.span.byteLength < cachePageBytes(spec, page.positions))
    throw new UsageError('the page is too small')
}

/**
 * Takes tests of numbers alone. The others are about order, counting and lifetimes, which the adapter's own buffers and
 * copies would disturb; they run in float32 on the backend itself, and so do tests that choose a half dtype themselves.
 * Caches of other dtypes have a tolerance of their own there, and groups of rounded values other bytes.
 */
export function numbersOnly(it: TestKit['it']): TestKit['it'] {
  const isAboutNumbers = (title: string): boolean =>
    /agrees|Attention (takes|goes)|a row of a batch|one kernel serves|from a table/.test(title) &&
    !/a \w+ cache|in b?float16 agrees|^QuantizeGroup agrees/.test(title)
  return (title, body) => (isAboutNumbers(title) ? it(title, body) : undefined)
}

/** How far half results may lie from float32: some roundings of size 2^-11 and 2^-8, one after the other. */
export const halfTolerance: Readonly<Record<Half & DType, { readonly absolute: number; readonly relative: number }>> = {
  float16: { absolute: 2e-2, relative: 1e-2 },
  bfloat16: { absolute: 1.5e-1, relative: 6e-2 },
}
