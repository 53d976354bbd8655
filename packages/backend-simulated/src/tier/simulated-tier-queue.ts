import {
  type Extent,
  type HostBuffer,
  InternalError,
  type QueueEvent,
  type Region,
  type RegionRange,
  type Span,
  type TierQueue,
} from '@flexgen/spec'
import type { OperationQueue } from '../time/operation-queue.ts'
import type { SharedResource } from '../time/shared-resource.ts'
import type { RegionTable } from './region-table.ts'

/** One direction of a tier. */
export interface TierPath {
  readonly resource: SharedResource
  readonly bytesPerSecond: number
}

/** What queues need of their tier. */
export interface TierQueueContext {
  readonly regions: RegionTable
  readonly read: TierPath
  readonly write: TierPath
  readonly transferSeconds: number
}

/** Labels of the operations that are counted, as the real tiers have them. */
export const tierLabels = { read: 'read', write: 'write', readFile: 'read file' } as const

/** A queue of a simulated tier: checks what it is given, moves nothing, takes the time. */
export class SimulatedTierQueue implements TierQueue {
  readonly name: string
  readonly #operations: OperationQueue
  readonly #context: TierQueueContext

  constructor(operations: OperationQueue, context: TierQueueContext) {
    this.name = operations.name
    this.#operations = operations
    this.#context = context
  }

  read(target: Span<HostBuffer>, region: Region, byteOffset: number): QueueEvent {
    checkSpan(target)
    this.#context.regions.check(region, byteOffset, target.byteLength)
    return this.#push(tierLabels.read, target.byteLength, this.#context.read)
  }

  readRanges(target: Span<HostBuffer>, ranges: readonly RegionRange[]): QueueEvent {
    this.#context.regions.checkOpen()
    checkSpan(target)
    let sumBytes = 0
    for (const { region, byteOffset, byteLength, targetOffset } of ranges) {
      this.#context.regions.check(region, byteOffset, byteLength)
      if (!(targetOffset >= 0 && targetOffset + byteLength <= target.byteLength))
        throw new InternalError(
          `a range of ${byteLength} bytes at ${targetOffset} is not in a target of ${target.byteLength}`,
        )
      sumBytes += byteLength
    }
    return this.#push(tierLabels.read, sumBytes, this.#context.read)
  }

  write(region: Region, byteOffset: number, source: Span<HostBuffer>): QueueEvent {
    checkSpan(source)
    this.#context.regions.check(region, byteOffset, source.byteLength)
    return this.#push(tierLabels.write, source.byteLength, this.#context.write)
  }

  readExtents(target: Span<HostBuffer>, extents: readonly Extent[]): QueueEvent {
    this.#context.regions.checkOpen()
    checkSpan(target)
    let sumBytes = 0
    for (const { byteLength } of extents) sumBytes += byteLength
    if (sumBytes !== target.byteLength) {
      throw new InternalError(`extents of ${sumBytes} bytes do not fill a target of ${target.byteLength} bytes`)
    }
    return this.#push(tierLabels.readFile, sumBytes, this.#context.read)
  }

  /** Takes the time of reading so many bytes; the work itself would move bytes that are not there. */
  task(label: string, sizeBytes: number): QueueEvent {
    this.#context.regions.checkOpen()
    return this.#push(label, sizeBytes, this.#context.read)
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

  #push(label: string, sizeBytes: number, { resource, bytesPerSecond }: TierPath): QueueEvent {
    return this.#operations.push(label, sizeBytes, resource, this.#context.transferSeconds + sizeBytes / bytesPerSecond)
  }
}

function checkSpan({ buffer, byteOffset, byteLength }: Span<HostBuffer>): void {
  if (byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength) return
  throw new InternalError(
    `bytes ${byteOffset} to ${byteOffset + byteLength} are not in a buffer of ${buffer.byteLength} bytes`,
  )
}
