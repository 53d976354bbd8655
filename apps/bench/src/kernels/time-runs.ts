import type { Backend, TraceSpan } from '@flexgen/spec'
import type { KernelWork } from './kernel-work.ts'

/** Times of the runs of a kernel: the middle one, and between which a tenth and nine tenths of them lie. */
export interface RunTimes {
  readonly medianMs: number
  readonly lowMs: number
  readonly highMs: number
  readonly runs: number
}

const leastRuns = 12
const mostRuns = 400
/** Runs that find nothing where they expect it: pages, branches, sleeping threads. */
const coldRuns = 2

/**
 * Times runs as the backend's own clock sees them, with one binding after the other, for so long but with 12 runs at
 * least.
 */
export async function timeRuns(
  backend: Backend,
  { kernel, bindings }: KernelWork,
  longestMs: number,
): Promise<RunTimes> {
  const spans: TraceSpan[] = []
  const queue = backend.createQueue('kernels', { span: (span) => void spans.push(span) })
  const startedAt = performance.now()
  for (let i = 0; i < mostRuns && (i < leastRuns || performance.now() - startedAt < longestMs); i++)
    await queue.run(kernel, bindings[i % bindings.length]!).whenDone()
  const times = spans.slice(coldRuns).map(({ startMs, endMs }) => endMs - startMs)
  return summarize(times)
}

/** The middle of some times, and their tenths at both ends. */
export function summarize(times: readonly number[]): RunTimes {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!
  return { medianMs: at(0.5), lowMs: at(0.1), highMs: at(0.9), runs: sorted.length }
}
