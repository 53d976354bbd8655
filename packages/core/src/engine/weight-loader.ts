import {
  type Backend,
  type DeviceBuffer,
  type HostBuffer,
  InternalError,
  type Queue,
  type QueueEvent,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import { type RowBlock, rowBlockMaxBytes } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { type LayerRuntime, streamedUnits } from './layer-runtime.ts'
import { readUnit } from './read-unit.ts'
import type { RestingWeights } from './resting-weights.ts'
import { SlotPool } from './slot-pool.ts'
import { alignedBytes, StagingRing } from './staging-ring.ts'
import { type Shares, unitsAllowed } from './units-allowed.ts'
import type { PinnedSpan, WeightPins } from './weight-pins.ts'

/** The streamed weights of one layer for one sweep. */
export interface LoadedLayer {
  readonly spans: ReadonlyMap<string, Span>
  /** After these the bytes are there. */
  readonly ready: readonly QueueEvent[]
}

/** What the loader works with. Buffers are undefined where nothing streams through them. */
export interface WeightLoaderOptions {
  readonly backend: Backend
  readonly source: WeightSource
  readonly resting: RestingWeights
  readonly ram: Tier
  readonly diskQueue: TierQueue
  readonly ramQueue: TierQueue
  readonly copyQueue: Queue
  /** Bytes of the ring that kernels bind; host memory on a host-visible backend. 0 where nothing streams. */
  readonly ringBytes: number
  /** Matrices that stay once they have passed by. */
  readonly pins: WeightPins
  /** Host buffers that bytes from disk pass through on their way to a ring in device memory. */
  readonly bounce: readonly HostBuffer[]
}

interface Loading extends LoadedLayer, Shares {
  readonly runtime: LayerRuntime
  readonly units: readonly WeightUnit[]
  /** Those of them that are kept. */
  readonly pinned: Set<WeightUnit>
  readonly spans: Map<string, Span>
  readonly ready: QueueEvent[]
  sharesAllowed: number
}

/**
 * Streams the weights of layers in the order in which they are asked for, matrix by matrix, as far ahead as the ring
 * has room. A host-visible backend binds the ring that the tiers fill; another gets copies in a ring of its own.
 * Everything is queued, nothing is waited for: whoever releases a layer makes room for the next one at once.
 *
 * A layer comes in shares, each behind what else is to come over the link by then: the KV of a batch that was queued behind a
 * whole layer of OPT-6.7B waited 8 ms for it on an H100, which has one engine for all copies of a direction.
 */
export class WeightLoader {
  /**
   * Whether the first layers of the next sweep have been asked for; also when that sweep belongs to the next block,
   * because the one that was expected never came.
   */
  isWarm = false
  readonly #options: WeightLoaderOptions
  /** The last one is what new pieces come from; earlier ones are there until their pieces have been released. */
  #rings: StagingRing<HostBuffer | DeviceBuffer>[] = []
  /** Made once something comes from files where nothing did when the run began. */
  #bounce: SlotPool<Span<HostBuffer>> | undefined
  /** Asked for and not yet taken, oldest first. */
  readonly #layers: Loading[] = []
  /** What the next copy to a device with memory of its own comes behind. */
  #behind: QueueEvent | undefined

  constructor(options: WeightLoaderOptions) {
    this.#options = options
    if (options.ringBytes > 0) this.#rings = [new StagingRing(this.#allocate(options.ringBytes))]
    if (options.bounce.length > 0) this.#bounce = new SlotPool(options.bounce.map((buffer) => spanOf(buffer)))
  }

  /** Bytes of the ring, and of earlier ones of which pieces are still held. */
  get ringBytes(): number {
    return this.#rings.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
  }

  /** Bytes of the ring that new pieces come from. */
  get usableRingBytes(): number {
    return this.#rings.at(-1)?.buffer.byteLength ?? 0
  }

  /** Makes the ring another size for what is asked for from now on. @throws {FlexgenError} `OUT_OF_MEMORY`; then it stays */
  resizeRing(byteLength: number): void {
    this.#rings.push(new StagingRing(this.#allocate(byteLength)))
    this.#freeIdle()
  }

  /** Frees the ring once its last users have ended; nothing may want a piece of it, and nothing streams until there is another. */
  dropRing(): void {
    for (const { buffer, lastUses } of this.#rings.splice(0)) this.#options.backend.free(buffer, ...lastUses)
  }

  /** Gives up the layers that were asked for ahead and not taken yet; then the next sweep asks for them again. */
  async forgetAhead(): Promise<void> {
    this.isWarm = false
    for (const layer of this.#layers.splice(0)) {
      for (const event of layer.ready) await event.whenDone()
      for (const unit of layer.units.slice(0, layer.spans.size)) {
        const span = layer.spans.get(unit.spec.name)!
        if (layer.pinned.has(unit)) this.#options.pins.release(unit, span)
        else this.#ringOf(span).release(span)
      }
    }
    this.#freeIdle()
  }

  /** Fills all matrices that are kept and not there yet, and settles once they are. */
  async fillPins(): Promise<void> {
    const { pins } = this.#options
    const events: QueueEvent[] = []
    for (const unit of pins.unfilled) {
      const { span } = pins.take(unit)!
      const ready = this.#fill(unit, span, [])
      pins.filled(unit, ready)
      pins.release(unit, span, ...ready)
      events.push(...ready)
    }
    for (const event of events) await event.whenDone()
  }

  #allocate(byteLength: number): HostBuffer | DeviceBuffer {
    const { backend } = this.#options
    return backend.device.hostVisible ? backend.allocateHost(byteLength) : backend.allocate(byteLength)
  }

  #ringOf({ buffer }: Span): StagingRing<HostBuffer | DeviceBuffer> {
    return this.#rings.find((ring) => ring.buffer === buffer)!
  }

  /** Frees earlier rings that nobody holds a piece of any more. */
  #freeIdle(): void {
    const current = this.#rings.at(-1)
    this.#rings = this.#rings.filter((ring) => {
      if (ring === current || !ring.isIdle) return true
      this.#options.backend.free(ring.buffer, ...ring.lastUses)
      return false
    })
  }

  /** Asks for a layer in so many shares, none of which comes yet; its turn comes after all that were asked for before. */
  request(runtime: LayerRuntime, shares: number): void {
    const units = streamedUnits(runtime, this.#options.backend.device.hostVisible).map(({ unit }) => unit)
    this.#layers.push({ runtime, units, pinned: new Set(), spans: new Map(), ready: [], shares, sharesAllowed: 0 })
  }

  /**
   * Lets the next share of the layer that was asked for last come.
   * @param behind end of what the link is to bring before
   */
  proceed(behind: QueueEvent | undefined): void {
    const layer = this.#layers.at(-1)
    if (layer !== undefined) layer.sharesAllowed++
    this.#behind = behind ?? this.#behind
    this.#issue()
  }

  /** Whether the layer that was asked for first has room, and can be taken. */
  get hasRoom(): boolean {
    const [first] = this.#layers
    return first !== undefined && first.spans.size === first.units.length
  }

  /**
   * The layer that was asked for first; where it has no room, every layer before it must have been released.
   * @throws {InternalError} where that is another one, or has no room
   */
  take(runtime: LayerRuntime): LoadedLayer {
    const layer = this.#layers.shift()
    if (layer?.runtime !== runtime) throw new InternalError(`weights of ${runtime.layer.name} were not asked for`)
    if (layer.spans.size < layer.units.length) {
      throw new InternalError(`the staging ring has no room for ${runtime.layer.name}`)
    }
    return layer
  }

  /** Gives the layer's staging back once `after` has ended. */
  release(loaded: LoadedLayer, after: QueueEvent): void {
    const { units, spans, pinned } = loaded as Loading
    for (const unit of units) {
      const span = spans.get(unit.spec.name)!
      if (pinned.has(unit)) this.#options.pins.release(unit, span, after)
      else this.#ringOf(span).release(span, after)
    }
    this.#freeIdle()
    this.#issue()
  }

  /** Queues whatever the ring has room for; what is kept is there already, or comes to stay. */
  #issue(): void {
    for (const layer of this.#layers) {
      const copiedBytes = layer.units.map((unit) => (this.#options.pins.isThere(unit) ? 0 : unit.sizeBytes))
      const allowed = unitsAllowed(copiedBytes, layer)
      for (let i = layer.spans.size; i < allowed; i++) {
        if (!this.#issueUnit(layer, layer.units[i]!)) return
      }
      if (allowed < layer.units.length) return
    }
  }

  /** @returns false where the ring has no room */
  #issueUnit({ pinned, spans, ready }: Loading, unit: WeightUnit): boolean {
    const { pins } = this.#options
    const frame = pins.take(unit)
    if (frame !== undefined) {
      const arrives = frame.ready ?? this.#fill(unit, frame.span, [])
      if (frame.ready === undefined) pins.filled(unit, arrives)
      pinned.add(unit)
      spans.set(unit.spec.name, frame.span)
      ready.push(...arrives.filter((event) => !event.isDone() || event.error !== undefined))
      return true
    }
    const piece = this.#rings.at(-1)!.take(unit.sizeBytes)
    if (piece === undefined) return false
    spans.set(unit.spec.name, piece.span)
    ready.push(...this.#fill(unit, piece.span, piece.after))
    return true
  }

  /** Queues for all bytes of a unit; `after` are the ends of whoever used the target before. */
  #fill(unit: WeightUnit, target: Span<HostBuffer | DeviceBuffer>, after: readonly QueueEvent[]): QueueEvent[] {
    return this.#options.backend.device.hostVisible
      ? this.#read(unit, target as Span<HostBuffer>, after)
      : [this.#copyIn(unit, target, after)]
  }

  /** Fills a host span with a whole unit from wherever its row blocks rest. */
  #read(unit: WeightUnit, target: Span<HostBuffer>, after: readonly QueueEvent[]): QueueEvent[] {
    const { diskQueue, ramQueue } = this.#options
    const { blocks } = this.#options.resting.get(unit)
    /** By queue, the last event: the others have ended before. */
    const ready = new Map<TierQueue, QueueEvent>()
    for (const block of blocks) {
      const queue = block.tier === 'ram' ? ramQueue : diskQueue
      if (!ready.has(queue)) for (const event of after) queue.wait(event)
      const span = spanOf(target.buffer, target.byteOffset + block.byteOffset, block.byteLength)
      const { region } = block
      ready.set(queue, region === undefined ? this.#readFile(unit, block, 0, span) : queue.read(span, region, 0))
    }
    return [...ready.values()]
  }

  /** Copies a unit to the device that RAM keeps since it came back; it comes back on the first pass. */
  #copyReturned(unit: WeightUnit, { span, ready }: PinnedSpan, target: Span<DeviceBuffer>): QueueEvent {
    const { copyQueue, resting } = this.#options
    const source = span as Span<HostBuffer>
    const arrives = ready ?? this.#read(unit, source, [])
    if (ready === undefined) resting.returned.filled(unit, arrives)
    for (const event of arrives) copyQueue.wait(event)
    const copied = copyQueue.copyIn(target, source)
    resting.returned.release(unit, span, copied)
    return copied
  }

  /** Copies a unit to the device, blocks in RAM or on the device from where they rest, and disk blocks through the bounce buffers. */
  #copyIn(unit: WeightUnit, target: Span<DeviceBuffer>, after: readonly QueueEvent[]): QueueEvent {
    const { copyQueue, ram, diskQueue, resting } = this.#options
    for (const event of this.#behind === undefined ? after : [...after, this.#behind]) copyQueue.wait(event)
    this.#behind = undefined
    const returned = resting.returned.take(unit)
    if (returned !== undefined) return this.#copyReturned(unit, returned, target)
    const { blocks } = resting.get(unit)
    let last: QueueEvent | undefined
    for (const block of blocks) {
      const { region, buffer } = block
      const part = (at: number, byteLength: number): Span<DeviceBuffer> =>
        spanOf(target.buffer, target.byteOffset + block.byteOffset + at, byteLength)
      if (buffer !== undefined) {
        last = copyQueue.copy(part(0, block.byteLength), spanOf(buffer))
        continue
      }
      if (block.tier === 'ram') {
        last = copyQueue.copyIn(part(0, block.byteLength), spanOf(ram.view!(region!)))
        continue
      }
      const bounce = (this.#bounce ??= new SlotPool(resting.passage))
      for (let at = 0; at < block.byteLength;) {
        const { item, after: used } = bounce.take()
        const span = spanOf(item.buffer, item.byteOffset, Math.min(item.byteLength, block.byteLength - at))
        for (const event of used) diskQueue.wait(event)
        copyQueue.wait(region === undefined ? this.#readFile(unit, block, at, span) : diskQueue.read(span, region, at))
        last = copyQueue.copyIn(part(at, span.byteLength), span)
        bounce.release(item, last)
        at += span.byteLength
      }
    }
    return last!
  }

  #readFile(unit: WeightUnit, block: RowBlock, at: number, target: Span<HostBuffer>): QueueEvent {
    return readUnit(this.#options.diskQueue, this.#options.source, unit, block.byteOffset + at, target)
  }
}

/** Sizes of the pieces that each layer streams through the ring that kernels bind. */
export function streamedPieces(runtimes: readonly LayerRuntime[], hostVisible: boolean): number[][] {
  return runtimes.map((runtime) => streamedUnits(runtime, hostVisible).map(({ unit }) => unit.sizeBytes))
}

/** Buffers between disk and device memory: one is filled while the other is copied. */
export const bounceCount = 2

/** Bytes of each of them: the largest block that comes from disk, at most a row block; 0 where none is needed. */
export function bounceBytes(runtimes: readonly LayerRuntime[], hostVisible: boolean): number {
  if (hostVisible) return 0
  const units = runtimes.flatMap((runtime) => streamedUnits(runtime, hostVisible))
  const blocks = units.flatMap(({ place }) => (place.tier === 'streamed' ? place.blocks : []))
  return blocks
    .filter((block) => block.tier === 'disk')
    .reduce((most, block) => Math.max(most, alignedBytes(Math.min(block.byteLength, rowBlockMaxBytes))), 0)
}
