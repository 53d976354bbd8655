import type { HostBuffer, Span } from './memory/buffer.ts'
import type { QueueEvent } from './order/queue-event.ts'
import type { TraceSink } from './trace/trace-sink.ts'
import type { Extent } from './weight-source.ts'

/** A piece of a tier; opaque but for its size. */
export interface Region {
  readonly byteLength: number
}

/** A byte range of a region, and its place in the target that it is read into. */
export interface RegionRange {
  readonly region: Region
  readonly byteOffset: number
  readonly byteLength: number
  /** In bytes from the start of the target. */
  readonly targetOffset: number
}

/** What a tier holds and has moved. */
export interface TierStats {
  readonly heldBytes: number
  readonly peakHeldBytes: number
  /** Bytes read from and written to regions. */
  readonly regionBytesRead: number
  readonly regionBytesWritten: number
  /** Bytes read from checkpoint files. */
  readonly extentBytesRead: number
}

/** An ordered stream of reads and writes; several may be in flight, they complete in order. */
export interface TierQueue {
  readonly name: string
  read(target: Span<HostBuffer>, region: Region, byteOffset: number): QueueEvent
  /** Reads any ranges, in any order and also repeated, as one operation; their places in the target do not overlap. */
  readRanges(target: Span<HostBuffer>, ranges: readonly RegionRange[]): QueueEvent
  write(region: Region, byteOffset: number, source: Span<HostBuffer>): QueueEvent
  /** Reads extents one behind the other into the target, whose length is their sum. */
  readExtents(target: Span<HostBuffer>, extents: readonly Extent[]): QueueEvent
  /** Queues anything else that takes time and moves `sizeBytes`, such as `WeightSource.read`. */
  task(label: string, sizeBytes: number, run: () => Promise<void>): QueueEvent
  wait(event: QueueEvent): void
  cancel(reason?: unknown): void
  idle(): Promise<void>
}

/** Where bytes rest: RAM or disk. */
export interface Tier {
  readonly specificationVersion: 'v1'
  readonly name: string
  readonly kind: 'ram' | 'disk'
  /** @throws {FlexgenError} `OUT_OF_MEMORY`, `OUT_OF_DISK` or `NOT_WRITABLE` */
  allocate(byteLength: number): Promise<Region>
  /** Frees a region once the given events have ended. */
  free(region: Region, ...after: QueueEvent[]): void
  /** RAM only: the region's bytes where they lie. */
  view?(region: Region): HostBuffer
  /** Several queues of a tier run side by side. */
  createQueue(name: string, trace?: TraceSink): TierQueue
  stats(): TierStats
  /** Frees everything and removes what it wrote. */
  [Symbol.asyncDispose](): Promise<void>
}
