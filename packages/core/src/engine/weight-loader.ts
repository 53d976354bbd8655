import {
  type Backend,
  type DeviceBuffer,
  type HostBuffer,
  InternalError,
  type Queue,
  type QueueEvent,
  type Region,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { type LayerRuntime, streamedUnits } from './layer-runtime.ts'
import { drainedEvent } from './queue-tail.ts'
import { readUnit, type RestingUnit } from './resident-weights.ts'
import { alignedBytes, type StagingRing } from './staging-ring.ts'

/** The streamed weights of one layer for one sweep. */
export interface LoadedLayer {
  readonly spans: ReadonlyMap<string, Span>
  /** After these the bytes are there. */
  readonly ready: readonly QueueEvent[]
}

/** What the loader works with. Rings are undefined where nothing streams through them. */
export interface WeightLoaderOptions {
  readonly backend: Backend
  readonly source: WeightSource
  readonly resting: ReadonlyMap<WeightUnit, RestingUnit>
  readonly ram: Tier
  readonly diskQueue: TierQueue
  readonly ramQueue: TierQueue
  readonly copyQueue: Queue
  readonly hostRing: StagingRing<HostBuffer> | undefined
  /** On a device with memory of its own: what kernels bind. */
  readonly deviceRing: StagingRing<DeviceBuffer> | undefined
}

/**
 * Streams the weights of layers in the order in which they are asked for, matrix by matrix, as far ahead as the
 * rings have room. A host-visible backend binds the host ring; another gets a copy in its own ring.
 */
export class WeightLoader {
  /**
   * Whether the first layers of the next sweep have been asked for; also when that sweep belongs to the next block,
   * because the one that was expected never came.
   */
  isWarm = false
  readonly #options: WeightLoaderOptions
  readonly #loads = new Map<LayerRuntime, Promise<LoadedLayer>[]>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: WeightLoaderOptions) {
    this.#options = options
  }

  /** Asks for a layer; its turn comes after all that were asked for before. */
  request(runtime: LayerRuntime): void {
    const load = this.#tail.then(() => this.#load(runtime))
    // A failure reaches whoever takes the layer; the chain itself must not be an unhandled rejection.
    this.#tail = load.catch(() => undefined)
    const loads = this.#loads.get(runtime)
    if (loads === undefined) this.#loads.set(runtime, [load])
    else loads.push(load)
  }

  /** The oldest load of the layer that has not been taken. */
  async take(runtime: LayerRuntime): Promise<LoadedLayer> {
    const load = this.#loads.get(runtime)?.shift()
    if (load === undefined) throw new InternalError(`weights of ${runtime.layer.name} were not asked for`)
    return load
  }

  /** Gives the layer's staging back once `after` has ended. */
  release(loaded: LoadedLayer, after: QueueEvent): void {
    const ring = this.#options.deviceRing ?? this.#options.hostRing
    for (const span of loaded.spans.values()) ring!.release(span, after)
  }

  /** Settles once nothing that was asked for is under way. */
  async settled(): Promise<void> {
    await this.#tail
  }

  /** Gives up: waiting loads fail with the error. Settles once no load is under way. */
  async fail(error: unknown): Promise<void> {
    this.#options.hostRing?.fail(error)
    this.#options.deviceRing?.fail(error)
    await this.#tail
  }

  async #load(runtime: LayerRuntime): Promise<LoadedLayer> {
    const { backend, deviceRing } = this.#options
    const spans = new Map<string, Span>()
    const ready: QueueEvent[] = []
    for (const { unit } of streamedUnits(runtime, backend.device.hostVisible)) {
      const target = deviceRing === undefined ? undefined : await deviceRing.acquire(unit.sizeBytes)
      if (target === undefined) {
        const piece = await this.#options.hostRing!.acquire(unit.sizeBytes)
        ready.push(...this.#read(unit, piece.span, piece.after))
        spans.set(unit.spec.name, piece.span)
      } else {
        ready.push(await this.#copyIn(unit, target.span, target.after))
        spans.set(unit.spec.name, target.span)
      }
    }
    return { spans, ready }
  }

  /** Fills a host span with a whole unit from wherever its row blocks rest. */
  #read(unit: WeightUnit, target: Span<HostBuffer>, after: readonly QueueEvent[]): QueueEvent[] {
    const { diskQueue, ramQueue, source } = this.#options
    const used = new Set<TierQueue>()
    this.#eachBlock(unit, (block, region) => {
      const queue = block.tier === 'ram' ? ramQueue : diskQueue
      if (!used.has(queue)) for (const event of after) queue.wait(event)
      used.add(queue)
      const span = spanOf(target.buffer, target.byteOffset + block.byteOffset, block.byteLength)
      if (region === undefined) readUnit(queue, source, unit, block.byteOffset, span)
      else queue.read(span, region, 0)
    })
    return [...used].map(drainedEvent)
  }

  /** Copies a unit to the device, RAM blocks from where they rest and disk blocks through the host ring. */
  async #copyIn(unit: WeightUnit, target: Span<DeviceBuffer>, after: readonly QueueEvent[]): Promise<QueueEvent> {
    const { copyQueue, ram, hostRing, diskQueue, source } = this.#options
    for (const event of after) copyQueue.wait(event)
    const blocks: { block: { byteOffset: number; byteLength: number; tier: string }; region: Region | undefined }[] = []
    this.#eachBlock(unit, (block, region) => blocks.push({ block, region }))
    let last: QueueEvent | undefined
    for (const { block, region } of blocks) {
      const part = spanOf(target.buffer, target.byteOffset + block.byteOffset, block.byteLength)
      if (block.tier === 'ram') last = copyQueue.copyIn(part, spanOf(ram.view!(region!)))
      else {
        const piece = await hostRing!.acquire(block.byteLength)
        for (const event of piece.after) diskQueue.wait(event)
        if (region === undefined) readUnit(diskQueue, source, unit, block.byteOffset, piece.span)
        else diskQueue.read(piece.span, region, 0)
        copyQueue.wait(drainedEvent(diskQueue))
        last = copyQueue.copyIn(part, piece.span)
        hostRing!.release(piece.span, last)
      }
    }
    return last!
  }

  #eachBlock(
    unit: WeightUnit,
    visit: (
      block: { byteOffset: number; byteLength: number; tier: 'ram' | 'disk' },
      region: Region | undefined,
    ) => void,
  ): void {
    const resting = this.#options.resting.get(unit)!
    if (resting.placed.place.tier !== 'streamed') return
    resting.placed.place.blocks.forEach((block, i) => visit(block, resting.regions[i]))
  }
}

/** Sizes of the pieces that each layer streams through the ring that kernels bind. */
export function streamedPieces(runtimes: readonly LayerRuntime[], hostVisible: boolean): number[][] {
  return runtimes.map((runtime) => streamedUnits(runtime, hostVisible).map(({ unit }) => unit.sizeBytes))
}

/** Bytes of the host ring beside a device ring: two of the largest blocks that come from disk. */
export function hostRingBesideDevice(runtimes: readonly LayerRuntime[]): number {
  const blocks = runtimes.flatMap((runtime) =>
    streamedUnits(runtime, false).flatMap(({ place }) => (place.tier === 'streamed' ? place.blocks : [])),
  )
  return (
    2 * Math.max(0, ...blocks.filter((block) => block.tier === 'disk').map((block) => alignedBytes(block.byteLength)))
  )
}
