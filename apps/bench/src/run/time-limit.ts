import type { BenchOptions } from '../bench-options.ts'

/** Time that a benchmark has in all: a run is begun only where there is time for it, and none goes on beyond it. */
export class TimeLimit {
  /** Aborts at the limit. */
  readonly signal: AbortSignal
  readonly #seconds: number
  readonly #now: () => number
  readonly #beganMs: number
  readonly #longestOf = new Map<number, number>()
  #isReached = false

  /** The limit of some options, from now on; undefined where there is none. */
  static of({ timeLimitSeconds }: Pick<BenchOptions, 'timeLimitSeconds'>): TimeLimit | undefined {
    return timeLimitSeconds === undefined ? undefined : new TimeLimit(timeLimitSeconds)
  }

  /** Counts from now on. */
  constructor(seconds: number, now: () => number = () => performance.now()) {
    this.#seconds = seconds
    this.#now = now
    this.#beganMs = now()
    this.signal = AbortSignal.timeout(Math.ceil(1000 * seconds))
  }

  /** Whether something was left out or cut short. */
  get isReached(): boolean {
    return this.#isReached || this.signal.aborted
  }

  /** Whether there is time for a run of a side: for the longest that it took, or where that is not known for any. */
  allows(side: number): boolean {
    const leftSeconds = this.#seconds - (this.#now() - this.#beganMs) / 1000
    if (leftSeconds > (this.#longestOf.get(side) ?? 0)) return true
    this.#isReached = true
    return false
  }

  /** What aborts with it, or with another signal. */
  with(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.signal, ...(signal === undefined ? [] : [signal])])
  }

  /** Takes in how long a run of a side took, in seconds. */
  took(side: number, seconds: number): void {
    this.#longestOf.set(side, Math.max(seconds, this.#longestOf.get(side) ?? 0))
  }
}
