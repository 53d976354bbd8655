/** One operation on one queue, from its start to its end. */
export interface TraceSpan {
  /** Lane of the trace: `compute`, `disk read`, ... */
  readonly queue: string
  readonly label: string
  readonly startMs: number
  readonly endMs: number
  /** Bytes moved; 0 for computation. */
  readonly sizeBytes: number
}

/** Receives what happened and when; must not throw and should not allocate much. */
export interface TraceSink {
  span(span: TraceSpan): void
}
