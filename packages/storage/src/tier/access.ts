import type { HostBuffer, Region, RegionRange, Span } from '@flexgen/spec'

/** A range of bytes that an operation reads or writes. */
export interface Access {
  /** The region, or the memory block behind a host buffer. */
  readonly owner: object
  readonly start: number
  readonly end: number
  readonly writes: boolean
}

/** The host memory that an operation touches. */
export function memoryAccess(span: Span<HostBuffer>, writes: boolean): Access {
  const { bytes } = span.buffer
  const start = bytes.byteOffset + span.byteOffset
  return { owner: bytes.buffer, start, end: start + span.byteLength, writes }
}

/** The part of a region that an operation touches. */
export function regionAccess(region: Region, byteOffset: number, byteLength: number, writes: boolean): Access {
  return { owner: region, start: byteOffset, end: byteOffset + byteLength, writes }
}

/** What reads of ranges touch, one access a region: from its first byte that is read to its last. */
export function regionHulls(ranges: readonly RegionRange[]): readonly Access[] {
  const hulls = new Map<Region, Access>()
  for (const { region, byteOffset, byteLength } of ranges) {
    const { start, end } = hulls.get(region) ?? { start: byteOffset, end: byteOffset }
    const [from, to] = [Math.min(start, byteOffset), Math.max(end, byteOffset + byteLength)]
    hulls.set(region, regionAccess(region, from, to - from, false))
  }
  return [...hulls.values()]
}

/**
 * Whether two operations must not run at once: they share bytes and one of them changes these. Tasks, whose bytes are
 * unknown (undefined), run beside each other but not beside anything else.
 */
export function conflict(one: readonly Access[] | undefined, other: readonly Access[] | undefined): boolean {
  if (one === undefined || other === undefined) return one !== other
  return one.some((a) =>
    other.some((b) => a.owner === b.owner && (a.writes || b.writes) && a.start < b.end && b.start < a.end),
  )
}
