/** A time with how far the repetitions lay apart: (largest - smallest) / median. */
export interface MeasuredTime {
  readonly seconds: number
  readonly spread: number
}

/** How long and how often something is repeated. */
export interface TimingEffort {
  readonly leastSeconds: number
  readonly repetitions: number
}

const mostRuns = 2000

/**
 * Seconds of one of many runs.
 * @param run does so many runs, one behind the other
 */
export async function timeRuns(
  run: (count: number) => Promise<void>,
  { leastSeconds, repetitions }: TimingEffort,
): Promise<MeasuredTime> {
  await run(1)
  const first = await secondsOf(() => run(1))
  const count = Math.min(mostRuns, Math.max(1, Math.ceil(leastSeconds / first)))
  const times: number[] = []
  for (let i = 0; i < repetitions; i++) times.push((await secondsOf(() => run(count))) / count)
  return summarise(times)
}

/** Median and spread of some times. */
export function summarise(times: readonly number[]): MeasuredTime {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  return { seconds: median, spread: (sorted.at(-1)! - sorted[0]!) / median }
}

/** Seconds that something takes. */
export async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return Math.max(1e-9, (performance.now() - startedAtMs) / 1000)
}
