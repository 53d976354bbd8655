import { type HostBuffer, InternalError, type DeviceBuffer, type QueueEvent, type Span } from '@flexgen/spec'

/** Alignment of pieces in a staging ring: that of direct reads. */
export const stagingAlignment = 4096

/** Bytes that a piece takes in a ring. */
export function alignedBytes(byteLength: number): number {
  return Math.ceil(byteLength / stagingAlignment) * stagingAlignment
}

/** A piece of a ring and the events after which its last users are done with those bytes. */
export interface StagedPiece<Buffer extends HostBuffer | DeviceBuffer> {
  readonly span: Span<Buffer>
  readonly after: readonly QueueEvent[]
}

interface Piece {
  readonly start: number
  readonly end: number
  after: readonly QueueEvent[] | undefined
}

/**
 * Pieces of one buffer, taken in order and given back in any order, reused in order. A piece is contiguous; where it
 * does not fit at the end it starts over at the front. Released bytes can be taken at once, with the events of those
 * who used them.
 */
export class StagingRing<Buffer extends HostBuffer | DeviceBuffer> {
  readonly #buffer: Buffer
  readonly #pieces: Piece[] = []
  /** Released pieces whose bytes are free but whose events may be pending, oldest first. */
  #retired: Piece[] = []
  #head = 0
  readonly #waiting: {
    byteLength: number
    resolve: (piece: StagedPiece<Buffer>) => void
    reject: (error: unknown) => void
  }[] = []
  #failure: { readonly error: unknown } | undefined

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get byteLength(): number {
    return this.#buffer.byteLength
  }

  async acquire(byteLength: number): Promise<StagedPiece<Buffer>> {
    if (this.#failure !== undefined) throw this.#failure.error
    if (alignedBytes(byteLength) > this.#buffer.byteLength) {
      throw new InternalError(`a staging ring of ${this.#buffer.byteLength} bytes cannot hold ${byteLength}`)
    }
    if (this.#waiting.length === 0) {
      const piece = this.#take(byteLength)
      if (piece !== undefined) return piece
    }
    return new Promise((resolve, reject) => this.#waiting.push({ byteLength, resolve, reject }))
  }

  release(span: Span, ...after: QueueEvent[]): void {
    const piece = this.#pieces.find((entry) => entry.start === span.byteOffset && entry.after === undefined)
    if (piece === undefined) throw new InternalError('a staging piece was released twice')
    piece.after = after
    while (this.#pieces[0]?.after !== undefined) this.#retired.push(this.#pieces.shift()!)
    while (this.#waiting.length > 0) {
      const taken = this.#take(this.#waiting[0]!.byteLength)
      if (taken === undefined) return
      this.#waiting.shift()!.resolve(taken)
    }
  }

  /** Everybody who waits, now or later, gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }

  #take(byteLength: number): StagedPiece<Buffer> | undefined {
    const start = this.#placeFor(alignedBytes(byteLength))
    if (start === undefined) return undefined
    const end = start + alignedBytes(byteLength)
    const overlapped = this.#retired.filter((piece) => piece.start < end && start < piece.end)
    this.#retired = this.#retired.filter(
      (piece) => !overlapped.includes(piece) || piece.start < start || piece.end > end,
    )
    this.#pieces.push({ start, end, after: undefined })
    this.#head = end
    const after = overlapped
      .flatMap((piece) => piece.after ?? [])
      .filter((event) => !event.isDone() || event.error !== undefined)
    return { span: { buffer: this.#buffer, byteOffset: start, byteLength }, after }
  }

  /** First byte of a free contiguous place, at the head or at the front. */
  #placeFor(byteLength: number): number | undefined {
    const tail = this.#pieces[0]?.start
    if (tail === undefined) return 0
    const size = this.#buffer.byteLength
    if (this.#head > tail) {
      if (this.#head + byteLength <= size) return this.#head
      return byteLength <= tail ? 0 : undefined
    }
    return this.#head + byteLength <= tail ? this.#head : undefined
  }
}

/** Least bytes of a ring that layers with these pieces can pass through, one layer at a time. */
export function leastRingBytes(layers: readonly (readonly number[])[]): number {
  return Math.max(
    0,
    ...layers.map((pieces) => {
      const sizes = pieces.map(alignedBytes)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      // A piece that does not fit at the end starts over and leaves the rest of the end unused.
      return sizes.length > 1 ? total + Math.max(...sizes) : total
    }),
  )
}

/** Bytes of a ring in which `ahead` further layers stream while one computes, in a cyclic order of layers. */
export function lookAheadRingBytes(layers: readonly (readonly number[])[], ahead: number): number {
  const streaming = layers.filter((pieces) => pieces.length > 0).map((pieces) => pieces.map(alignedBytes))
  const totals = streaming.map((pieces) => pieces.reduce((sum, size) => sum + size, 0))
  const largest = Math.max(0, ...streaming.flat())
  const window = Math.min(ahead + 1, totals.length)
  const sums = totals.map((_, i) =>
    Array.from({ length: window }, (_unused, j) => totals[(i + j) % totals.length]!).reduce(
      (sum, size) => sum + size,
      0,
    ),
  )
  return sums.length === 0
    ? 0
    : Math.max(leastRingBytes(layers), Math.max(...sums) + (streaming.length > 1 ? largest : 0))
}
