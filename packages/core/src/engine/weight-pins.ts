import { type Backend, type DeviceBuffer, type HostBuffer, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'

/** A streamed matrix that stays where kernels read it once it has passed by. */
interface Frame {
  readonly buffer: HostBuffer | DeviceBuffer
  /** Undefined until its bytes have been queued for. */
  ready: readonly QueueEvent[] | undefined
  /** Layers that were asked for and not yet released. */
  readers: number
  /** Ends of the runs that read it, of each reader the last. */
  after: QueueEvent[]
  isDropped: boolean
}

/** A pinned matrix as a layer is given it. */
export interface PinnedSpan {
  readonly span: Span<HostBuffer | DeviceBuffer>
  /** After these the bytes are there; undefined where whoever asks has to queue for them and say so by `filled`. */
  readonly ready: readonly QueueEvent[] | undefined
}

/**
 * Streamed matrices that are kept. Pinning costs no bytes: the frame is filled when the matrix passes by anyway, in the
 * place of a piece of the ring. Dropping costs none either: where it rests (RAM or the checkpoint) it still is.
 */
export class WeightPins {
  readonly #backend: Backend
  readonly #allocate: (byteLength: number) => HostBuffer | DeviceBuffer
  readonly #frames = new Map<WeightUnit, Frame>()
  /** Dropped while a layer that was asked for still reads them. */
  readonly #leaving = new Map<WeightUnit, Frame>()
  #heldBytes = 0
  #changes = 0

  /** @param allocate gives a frame of so many bytes, which the backend frees */
  constructor(backend: Backend, allocate: (byteLength: number) => HostBuffer | DeviceBuffer) {
    this.#backend = backend
    this.#allocate = allocate
  }

  /** Bytes of all frames, also of those that are dropped but still read. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Bytes of what is kept from now on. */
  get pinnedBytes(): number {
    return [...this.#frames.keys()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }

  /** Grows whenever a matrix is pinned or dropped. */
  get changes(): number {
    return this.#changes
  }

  has(unit: WeightUnit): boolean {
    return this.#frames.has(unit)
  }

  /** Whether a matrix is kept and there to the last byte. */
  isThere(unit: WeightUnit): boolean {
    const ready = this.#frames.get(unit)?.ready
    return ready?.every((event) => event.isDone() && event.error === undefined) ?? false
  }

  /** Keeps a matrix from its next pass on. @throws {FlexgenError} `OUT_OF_MEMORY`; then it streams on */
  pin(unit: WeightUnit): void {
    if (this.#frames.has(unit)) return
    const buffer = this.#allocate(unit.sizeBytes)
    this.#heldBytes += unit.sizeBytes
    this.#changes += 1
    this.#frames.set(unit, { buffer, ready: undefined, readers: 0, after: [], isDropped: false })
  }

  /** Lets a matrix stream again; the memory comes back once nobody reads it any more. */
  drop(unit: WeightUnit): void {
    const frame = this.#frames.get(unit)
    if (frame === undefined) return
    this.#frames.delete(unit)
    this.#changes += 1
    frame.isDropped = true
    if (frame.readers === 0) this.#free(unit, frame)
    else this.#leaving.set(unit, frame)
  }

  /** The frame of a matrix for a layer that is asked for; undefined where it streams. */
  take(unit: WeightUnit): PinnedSpan | undefined {
    const frame = this.#frames.get(unit)
    if (frame === undefined) return undefined
    frame.readers += 1
    return { span: spanOf(frame.buffer, 0, unit.sizeBytes), ready: frame.ready }
  }

  /** Matrices that are kept and whose bytes were not queued for yet. */
  get unfilled(): WeightUnit[] {
    return [...this.#frames].flatMap(([unit, { ready }]) => (ready === undefined ? [unit] : []))
  }

  /** Says by which events the bytes of a frame will be there. */
  filled(unit: WeightUnit, ready: readonly QueueEvent[]): void {
    this.#frames.get(unit)!.ready = ready
  }

  /** Ends a reader's use; `after` are the ends of what it did. */
  release(unit: WeightUnit, span: Span, ...after: QueueEvent[]): void {
    const leaving = this.#leaving.get(unit)
    const frame = leaving?.buffer === span.buffer ? leaving : this.#frames.get(unit)!
    frame.readers -= 1
    frame.after = frame.after.filter((event) => !event.isDone())
    frame.after.push(...after)
    if (frame.isDropped && frame.readers === 0) {
      this.#leaving.delete(unit)
      this.#free(unit, frame)
    }
  }

  /** Ends all readers of a run that has ended, and forgets what did not arrive; the queues must be idle. */
  endRun(): void {
    for (const [unit, frame] of this.#leaving) this.#free(unit, frame)
    this.#leaving.clear()
    for (const frame of this.#frames.values()) {
      frame.readers = 0
      frame.after = []
      if (frame.ready?.some((event) => !event.isDone() || event.error !== undefined) === true) frame.ready = undefined
    }
  }

  /** Frees everything; nothing may read it any more. */
  free(): void {
    this.endRun()
    for (const unit of this.#frames.keys()) this.drop(unit)
  }

  #free(unit: WeightUnit, { buffer, after }: Frame): void {
    this.#heldBytes -= unit.sizeBytes
    this.#backend.free(buffer, ...after)
  }
}
