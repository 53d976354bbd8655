import type { TraceSink } from '@flexgen/spec'

/** Bytes by kind of data. */
export interface BytesByKind {
  readonly weights: number
  readonly cache: number
  readonly hidden: number
}

/** Bytes that have come from the disk tier and gone to it; weights are never written in a run. */
export interface DiskTraffic {
  readonly read: { -readonly [Kind in keyof BytesByKind]: number }
  readonly written: { -readonly [Kind in keyof BytesByKind]: number }
}

/** Traffic that stands at zero. */
export function createDiskTraffic(): DiskTraffic {
  return { read: { weights: 0, cache: 0, hidden: 0 }, written: { weights: 0, cache: 0, hidden: 0 } }
}

/** A trace that adds the bytes of every operation to its kind as it ends, and passes the span on. */
export function countingTrace(
  bytes: DiskTraffic['read'],
  kind: keyof BytesByKind,
  trace: TraceSink | undefined,
): TraceSink {
  return {
    span(span) {
      bytes[kind] += span.sizeBytes
      trace?.span(span)
    },
  }
}

/** What was added between two states. */
export function addedBytes(before: BytesByKind, after: BytesByKind): BytesByKind {
  return {
    weights: after.weights - before.weights,
    cache: after.cache - before.cache,
    hidden: after.hidden - before.hidden,
  }
}
