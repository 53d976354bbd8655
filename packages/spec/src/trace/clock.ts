/** Where time comes from: the machine's, or a virtual one. */
export interface Clock {
  /** Milliseconds since an arbitrary start, monotonic, with fractions. */
  now(): number
}

/** The machine's monotonic clock. */
export const systemClock: Clock = { now: () => performance.now() }
