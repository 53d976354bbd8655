import type { HostThreads } from '@flexgen/spec'

/** Sweeps that a number of threads is judged by. */
const judgedSweeps = 2
/** Share of a sweep that attention on the host is given with fewer threads; the rest is what it varies by. */
const givenShare = 0.9
/** Share of a sweep above which what was given has become too little: KV grows. */
const mostShare = 0.97
/** Share of a sweep that fewer threads must save, else they are more again. */
const leastGain = 0.005
/** How often it may begin anew. */
const mostRounds = 3

/** Decode sweeps with one number of threads. */
interface Judged {
  readonly seconds: number
  /** Of them attention on the host. */
  readonly share: number
}

/**
 * How many threads attend on the host beside a device. They read the memory that copies to the device read, too: where attention
 * has time left in a sweep, fewer threads leave more of it to them (H100 and 15 threads: 85 GB/s and a link of 43; 8: 60 and 49).
 * Fewer are tried as long as sweeps get shorter. Which token comes never depends on it.
 */
export class HostPace {
  readonly #threads: HostThreads
  #count: number
  /** The best so far. */
  #best: { readonly count: number; readonly seconds: number } | undefined
  #samples: Judged[] = []
  #rows = 0
  /** The first sweep of a kind takes longer than those behind it. */
  #isFirst = true
  #isSettled = false
  #rounds = 1
  #busyBefore = 0

  constructor(threads: HostThreads) {
    this.#threads = threads
    this.#count = threads.most
  }

  /** Threads that attend now. */
  get count(): number {
    return this.#count
  }

  /** What users should know of it. */
  get notices(): readonly string[] {
    const { most } = this.#threads
    if (this.#count === most) return []
    return [`attention on the host took ${this.#count} of ${most} threads: it had time left, and sweeps are shorter so`]
  }

  /** A run begins: with as many as the last one has ended with. */
  beginRun(): void {
    this.#threads.use(this.#count)
  }

  /** The run has ended: the threads are whose they were. */
  endRun(): void {
    this.#threads.use(this.#threads.most)
  }

  beginSweep(): void {
    this.#busyBefore = this.#threads.busySeconds
  }

  /** @param rows sequences of the sweep: with others it takes another time */
  endSweep(phase: 'prefill' | 'decode', rows: number, seconds: number): void {
    if (phase === 'prefill' || rows !== this.#rows) {
      this.#rows = phase === 'prefill' ? 0 : rows
      this.#samples = []
      this.#best = undefined
      this.#isFirst = true
    }
    if (phase === 'prefill') return
    if (this.#isFirst) {
      this.#isFirst = false
      return
    }
    this.#samples.push({ seconds, share: (this.#threads.busySeconds - this.#busyBefore) / seconds })
    if (this.#samples.length < judgedSweeps) return
    const mean = (value: keyof Judged): number =>
      this.#samples.reduce((sum, sample) => sum + sample[value], 0) / judgedSweeps
    const judged = { seconds: mean('seconds'), share: mean('share') }
    this.#samples = []
    if (this.#isSettled) this.#watch(judged)
    else this.#judge(judged)
  }

  #judge({ seconds, share }: Judged): void {
    const best = this.#best
    if (best !== undefined && seconds > best.seconds * (1 - leastGain)) {
      this.#isSettled = true
      this.#use(best.count)
      return
    }
    this.#best = { count: this.#count, seconds }
    const fewer = Math.max(1, Math.ceil((this.#count * share) / givenShare))
    if (fewer < this.#count) this.#use(fewer)
    else this.#isSettled = true
  }

  #watch({ share }: Judged): void {
    const { most } = this.#threads
    if (this.#count === most || share <= mostShare) return
    this.#best = undefined
    this.#use(most)
    this.#isSettled = ++this.#rounds > mostRounds
  }

  #use(count: number): void {
    this.#count = count
    this.#threads.use(count)
  }
}
