import { median } from './median.ts'
import type { SweepFacts } from './reallocator.ts'
import type { ResourceName, ResourceUse } from './sweep-use.ts'

/** The last sweeps, and medians over them. */
export class SweepHistory {
  readonly #window: number
  #samples: SweepFacts[] = []
  /** Speed of the link as it was first measured, or since it last changed. */
  #streamRate: number | undefined

  constructor(window: number) {
    this.#window = window
  }

  get length(): number {
    return this.#samples.length
  }

  get last(): SweepFacts | undefined {
    return this.#samples.at(-1)
  }

  clear(): void {
    this.#samples = []
  }

  add(facts: SweepFacts): void {
    this.#samples.push(facts)
    if (this.#samples.length > this.#window) this.#samples.shift()
  }

  /** Whether the link runs at another speed than before, by more than a share; that speed is remembered then. */
  changesSpeed({ use }: SweepFacts, share: number): boolean {
    const now = rate(use.stream)
    if (now === 0) return false
    const known = this.#streamRate ?? now
    const isOther = Math.abs(now / known - 1) > share
    if (isOther || this.#streamRate === undefined) this.#streamRate = now
    return isOther
  }

  /** Median seconds of the last sweeps, of all by default. */
  seconds(count: number = this.#window): number {
    return median(this.#samples.slice(-count).map((sample) => sample.seconds))
  }

  /** By which a sweep grows longer from one to the next; 0 where that is not known. */
  growthSeconds(): number {
    const { length } = this.#samples
    if (length < 4) return 0
    return Math.max(0, (this.#samples.at(-1)!.seconds - this.#samples[0]!.seconds) / (length - 1))
  }

  /** Median busy seconds of a resource. */
  busy(name: ResourceName): number {
    return median(this.#samples.map(({ use }) => use[name].busySeconds))
  }

  /** Bytes a second of what streams; undefined where nothing was measured. */
  streamRate(): number | undefined {
    const rates = this.#samples.map(({ use }) => rate(use.stream)).filter((value) => value > 0)
    return rates.length === 0 ? undefined : median(rates)
  }
}

function rate({ bytes, busySeconds }: ResourceUse): number {
  return busySeconds === 0 ? 0 : bytes / busySeconds
}
