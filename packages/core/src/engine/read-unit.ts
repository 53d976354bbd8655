import {
  bytesOf,
  doneEvent,
  type HostBuffer,
  type QueueEvent,
  type Span,
  spanOf,
  tensorBytes,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'

/** A piece of a byte range of a unit that lies in one checkpoint tensor. */
export interface TensorRange {
  readonly tensor: string
  /** Offset in the tensor. */
  readonly byteOffset: number
  readonly byteLength: number
  /** Offset in the range that was asked for. */
  readonly at: number
}

/** The tensors behind a byte range of a unit, whose parts are stacked one behind the other. */
export function* tensorRanges(
  unit: WeightUnit,
  byteOffset: number,
  byteLength: number,
): Generator<TensorRange, void, void> {
  let start = 0
  for (const part of unit.spec.parts) {
    const end = start + tensorBytes(unit.dtype, part.shape)
    const from = Math.max(start, byteOffset)
    const to = Math.min(end, byteOffset + byteLength)
    if (from < to) yield { tensor: part.tensor, byteOffset: from - start, byteLength: to - from, at: from - byteOffset }
    start = end
  }
}

/** Queues the reads that fill `target` with a unit's bytes from `byteOffset` on; the event says that all are there. */
export function readUnit(
  queue: TierQueue,
  source: WeightSource,
  unit: WeightUnit,
  byteOffset: number,
  target: Span<HostBuffer>,
): QueueEvent {
  let last: QueueEvent = doneEvent
  for (const range of tensorRanges(unit, byteOffset, target.byteLength)) {
    const span = spanOf(target.buffer, target.byteOffset + range.at, range.byteLength)
    const extents = source.extents(range.tensor, range.byteOffset, range.byteLength)
    last =
      extents === undefined
        ? queue.task(range.tensor, range.byteLength, () => source.read(range.tensor, range.byteOffset, bytesOf(span)))
        : queue.readExtents(span, extents)
  }
  return last
}

/**
 * Whether RAM need not keep a unit, because files hold the very bytes: a matrix. Of a token table only rows are read where it is not
 * in RAM as a whole.
 */
export function canBeReadAgain(source: WeightSource, unit: WeightUnit): boolean {
  return unit.kind === 'matrix' && unit.spec.access !== 'rows' && inFiles(source, unit)
}

/** Whether every part of a unit lies in files, so that the disk tier reads the checkpoint itself. */
export function inFiles(source: WeightSource, unit: WeightUnit): boolean {
  return unit.spec.parts.every((part) => source.extents(part.tensor, 0, 1) !== undefined)
}
