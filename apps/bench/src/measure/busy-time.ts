/** Start and end of an operation in milliseconds. */
export type Interval = readonly [startMs: number, endMs: number]

/** Milliseconds that are covered by at least one interval. */
export function coveredMs(intervals: readonly Interval[]): number {
  let covered = 0
  let reachedMs = Number.NEGATIVE_INFINITY
  for (const [startMs, endMs] of intervals.toSorted((a, b) => a[0] - b[0])) {
    if (endMs <= reachedMs) continue
    covered += endMs - Math.max(startMs, reachedMs)
    reachedMs = endMs
  }
  return covered
}
