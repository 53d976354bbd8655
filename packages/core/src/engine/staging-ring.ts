import { type DeviceBuffer, type HostBuffer, InternalError, type QueueEvent, type Span } from '@flexgen/spec'

/** Alignment of pieces in a staging ring: that of direct reads. */
export const stagingAlignment = 4096

/** Bytes that a piece takes in a ring. */
export function alignedBytes(byteLength: number): number {
  return Math.ceil(byteLength / stagingAlignment) * stagingAlignment
}

/** A piece of a ring and the events after which the last users of those bytes are done with them. */
export interface StagedPiece<Buffer extends HostBuffer | DeviceBuffer> {
  readonly span: Span<Buffer>
  readonly after: readonly QueueEvent[]
}

interface Piece {
  readonly start: number
  readonly end: number
  /** Set by `release`. */
  after: readonly QueueEvent[] | undefined
}

/**
 * Pieces of one buffer, taken in order, given back in any order, reused in order. A piece is contiguous; where it does
 * not fit at the end it starts over at the front. Released bytes can be taken at once, together with the events of
 * those who used them. A ring has a few dozen pieces at most, so plain scans do.
 */
export class StagingRing<Buffer extends HostBuffer | DeviceBuffer> {
  readonly buffer: Buffer
  /** Oldest first; those in the middle may be released already. */
  readonly #held: Piece[] = []
  /** Released pieces whose bytes are free but whose events may be pending, oldest first. */
  #retired: Piece[] = []
  #head = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  /** Whether no piece is held. */
  get isIdle(): boolean {
    return this.#held.length === 0
  }

  /** Ends of those who used it last. */
  get lastUses(): readonly QueueEvent[] {
    return this.#retired.flatMap(({ after }) => after ?? [])
  }

  /**
   * The next piece; undefined where older pieces must be released before.
   * @throws {InternalError} for more bytes than the ring has
   */
  take(byteLength: number): StagedPiece<Buffer> | undefined {
    const sizeBytes = alignedBytes(byteLength)
    if (sizeBytes > this.buffer.byteLength) {
      throw new InternalError(`a staging ring of ${this.buffer.byteLength} bytes cannot hold ${byteLength}`)
    }
    const start = this.#placeFor(sizeBytes)
    if (start === undefined) return undefined
    const end = start + sizeBytes
    const after: QueueEvent[] = []
    this.#retired = this.#retired.filter((piece) => {
      if (piece.end <= start || piece.start >= end) return true
      // An event that has failed must reach the next user, too: its bytes may still be asked for.
      for (const event of piece.after!) if (!event.isDone() || event.error !== undefined) after.push(event)
      // What sticks out of the new piece is still to be waited for by whoever takes that part.
      return piece.start < start || piece.end > end
    })
    this.#held.push({ start, end, after: undefined })
    this.#head = end
    return { span: { buffer: this.buffer, byteOffset: start, byteLength }, after }
  }

  /** Gives a piece back once the events have ended. @throws {InternalError} for a span that is not held */
  release(span: Span, ...after: QueueEvent[]): void {
    const piece = this.#held.find((entry) => entry.start === span.byteOffset && entry.after === undefined)
    if (piece === undefined) throw new InternalError('a staging piece was released twice')
    piece.after = after
    while (this.#held[0]?.after !== undefined) this.#retired.push(this.#held.shift()!)
  }

  /** First byte of a free contiguous place, at the head or at the front. */
  #placeFor(sizeBytes: number): number | undefined {
    const tail = this.#held[0]?.start
    if (tail === undefined) return this.#head + sizeBytes <= this.buffer.byteLength ? this.#head : 0
    if (this.#head > tail) {
      if (this.#head + sizeBytes <= this.buffer.byteLength) return this.#head
      return sizeBytes <= tail ? 0 : undefined
    }
    return this.#head + sizeBytes <= tail ? this.#head : undefined
  }
}

/** Least bytes of a ring that layers with these pieces can pass through, one layer at a time. */
export function leastRingBytes(layers: readonly (readonly number[])[]): number {
  return layers.reduce((most, pieces) => {
    const sizes = pieces.map(alignedBytes)
    // A piece that does not fit at the end starts over and leaves the rest of the end unused.
    const unused = sizes.length > 1 ? Math.max(...sizes) : 0
    return Math.max(most, sum(sizes) + unused)
  }, 0)
}

/** Bytes of a ring in which `ahead` further layers stream while one computes, in a cyclic order of layers. */
export function lookAheadRingBytes(layers: readonly (readonly number[])[], ahead: number): number {
  const pieces = layers.flat().map(alignedBytes)
  const totals = layers.map((sizes) => sum(sizes.map(alignedBytes)))
  const windows = totals.map((_, i) =>
    sum(Array.from({ length: Math.min(ahead + 1, totals.length) }, (_unused, j) => totals[(i + j) % totals.length]!)),
  )
  const unused = pieces.length > 1 ? Math.max(...pieces) : 0
  return Math.max(leastRingBytes(layers), Math.max(0, ...windows) + unused)
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0)
}
