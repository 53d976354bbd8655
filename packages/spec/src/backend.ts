import type { DType } from './dtype/dtype.ts'
import type { OperatorName } from './graph/graph-node.ts'
import type { LayerGraph } from './graph/layer-graph.ts'
import type { DeviceBuffer, HostBuffer, Span } from './memory/buffer.ts'
import type { CacheBuffer, CachePage, CacheRow, CacheSpec } from './memory/cache.ts'
import type { QueueEvent } from './order/queue-event.ts'
import type { TraceSink } from './trace/trace-sink.ts'

/** Where a backend computes. */
export interface DeviceInfo {
  readonly kind: 'cpu' | 'cuda' | 'other'
  /** For people, such as `AMD EPYC, 2 threads`. */
  readonly description: string
  /** Memory of the device in bytes. */
  readonly memoryBytes: number
  /** Whether kernels read and write host buffers where they lie; then device and RAM are one memory. */
  readonly hostVisible: boolean
}

/** What a backend can do, as data. */
export interface BackendCapabilities {
  readonly operators: ReadonlySet<OperatorName>
  /** Dtypes of activations. */
  readonly computeDtypes: readonly DType[]
  /** Dtypes in which weights may be bound. */
  readonly weightDtypes: readonly DType[]
  readonly cacheDtypes: readonly DType[]
  /** Whether copies run beside kernels. */
  readonly asyncCopies: boolean
  /** Whether the rows of one attention run may come from different cache buffers. */
  readonly scatteredCacheRows: boolean
}

/** Sizes of one run, for planning. */
export interface RunShape {
  readonly batch: number
  readonly seq: number
  /** Largest number of cached positions that a row has room for. */
  readonly maxPositions: number
  /** How the cache holds them; as activations are by default. */
  readonly cacheDtype?: DType
}

/** What a backend holds now, in bytes. */
export interface MemoryStats {
  /** Buffers and caches made by `allocate` and `allocateCache`. */
  readonly deviceBytes: number
  /** Buffers made by `allocateHost`. */
  readonly hostBytes: number
  /** Held by prepared kernels. */
  readonly preparedBytes: number
  /** The runtime's own arenas and scratch, as far as it is known. */
  readonly workspaceBytes: number
  /** Largest sum of device, prepared and workspace bytes so far. */
  readonly peakDeviceBytes: number
}

/** What is in new host memory. */
export type HostContents = 'zeros' | 'any'

/** Host memory that somebody is going to hold. */
export interface HostNeed {
  /** Most bytes at once, those that are held already among them: so much may stay ready behind `free`. */
  readonly totalBytes: number
  /** Bytes that should be free and ready before they are asked for. */
  readonly readyBytes: number
}

/** A claim on host memory that is kept ready; ends with its dispose, which may come after the backend's. */
export interface HostReserve {
  resize(need: HostNeed): void
  [Symbol.dispose](): void
}

/** Inputs and outputs of runs of one kernel; kept and changed from run to run. */
export interface Binding {
  /**
   * Binds an input or output by the name in the graph. The span holds at least the bytes of the shape; it may lie
   * in a device buffer, and on a host-visible backend in any host buffer. Binding a name again replaces it.
   */
  set(name: string, span: Span, shape: readonly number[]): void
  /** Binds the rows of a cache, one for each row of the batch. */
  setCache(name: string, rows: readonly CacheRow[]): void
  /** Gives back what the binding holds in the runtime. Spans stay with their owner. */
  release(): void
}

/** A compiled graph whose weights are inputs. */
export interface Kernel {
  readonly graph: LayerGraph
  createBinding(): Binding
  /** Upper estimate of the memory that a run needs beside its bindings. */
  workspaceBytes(shape: RunShape): number
  /** Upper estimate of what `prepare` with these weights (by input name) would hold. */
  preparedBytes(weightNames: readonly string[]): number
  /**
   * A kernel that holds the given weights (by input name; a subset is fine) in their fastest form. The spans may
   * be reused once the promise settles.
   */
  prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel>
  [Symbol.asyncDispose](): Promise<void>
}

/** A kernel that holds weights; they are no longer bound. */
export interface PreparedKernel extends Kernel {
  /** Bytes that it really holds. */
  readonly heldBytes: number
}

/** Part of a cache row: `count` positions from `position` on. */
export interface CacheRange extends CacheRow {
  readonly position: number
  readonly count: number
}

/** Part of a host page: `count` positions (of the range it is copied with) from `position` of the page on. */
export interface PageRange {
  readonly page: CachePage
  readonly position: number
}

/** A copy between a cache row and a host page, in either direction. */
export interface CacheCopy {
  readonly range: CacheRange
  readonly page: PageRange
  /**
   * Whether positions behind the range may be copied along where a backend finds that cheaper: what lies there in the target is of no use
   * to anybody.
   */
  readonly mayCopyRest?: boolean
}

/**
 * An ordered stream of operations. Each returns its event at once; operations of one queue run in order, those of
 * different queues side by side. Spans must stay alive until the event has ended. After a failure everything
 * queued behind it fails with the same error.
 */
export interface Queue {
  readonly name: string
  copyIn(target: Span<DeviceBuffer>, source: Span<HostBuffer>): QueueEvent
  copyOut(target: Span<HostBuffer>, source: Span<DeviceBuffer>): QueueEvent
  copy(target: Span<DeviceBuffer>, source: Span<DeviceBuffer>): QueueEvent
  /** Copies positions of a host page into a cache row. */
  copyToCache(target: CacheRange, source: PageRange): QueueEvent
  /** Copies positions of a cache row into a host page. */
  copyFromCache(target: PageRange, source: CacheRange): QueueEvent
  /**
   * One or more copies as one operation, which does what `copyToCache` (or `copyFromCache`) does for each: for backends where an
   * operation costs more than moving its bytes. What the copies write must not overlap.
   */
  copyCacheRows?(direction: 'toCache' | 'fromCache', copies: readonly CacheCopy[]): QueueEvent
  /** Runs a kernel. The binding may be changed again once the event has ended. */
  run(kernel: Kernel, binding: Binding): QueueEvent
  /** Lets everything queued from now on wait for an event of any queue. */
  wait(event: QueueEvent): void
  /** Drops what has not started; what runs settles once bytes have stopped moving. */
  cancel(reason?: unknown): void
  /** Settles once the queue is empty and nothing runs; never rejects. */
  idle(): Promise<void>
}

/** Where it is computed: bytes, queues and events; never tensors of a framework. */
export interface Backend {
  readonly specificationVersion: 'v1'
  readonly name: string
  readonly device: DeviceInfo
  readonly capabilities: BackendCapabilities
  /** What users should know of how it runs here (which API was taken, what it fell back to); for the report. */
  readonly notices: readonly string[]
  /** @throws {FlexgenError} `OUT_OF_MEMORY` */
  allocate(byteLength: number): DeviceBuffer
  /**
   * Host memory, page-aligned where the backend can (then direct reads work), pinned where that makes copies
   * faster; filled with zeros, unless anything may be in it: memory that was held before comes sooner then.
   * @throws {FlexgenError} `OUT_OF_MEMORY`
   */
  allocateHost(byteLength: number, contents?: HostContents): HostBuffer
  /**
   * Makes host memory ready in the background, for `allocateHost` to take, and keeps what is freed: for backends where
   * its making takes time. Never more than all reserves say; where it fails nothing is ready, and nothing else.
   */
  reserveHost?(need: HostNeed): HostReserve
  /** KV rows of one layer, filled with zeros. */
  allocateCache(spec: CacheSpec, rows: number): CacheBuffer
  /** Host-visible backends only: attention straight on rows in the host form, one page a row. */
  viewCache?(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer
  /** Frees a buffer or cache once the given events have ended; views free nothing but themselves. */
  free(buffer: DeviceBuffer | HostBuffer | CacheBuffer, ...after: QueueEvent[]): void
  /** @throws {FlexgenError} `UNSUPPORTED_DATA` for an operator or dtype outside the capabilities */
  compile(graph: LayerGraph): Promise<Kernel>
  createQueue(name: string, trace?: TraceSink): Queue
  memory(): MemoryStats
  /** Limits device, prepared and workspace bytes; settles once held, or fails with the least it can hold. */
  setMemoryLimit(bytes: number): QueueEvent
  [Symbol.asyncDispose](): Promise<void>
}
