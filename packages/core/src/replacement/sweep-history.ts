import { median } from './median.ts'
import type { SweepFacts } from './reallocator.ts'
import type { ResourceName, ResourceUse } from './sweep-use.ts'

/** The last sweeps, and medians over them. */
export class SweepHistory {
  readonly #window: number
  #samples: SweepFacts[] = []

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

  /** Whether a resource works at another speed than in the last sweeps, by more than a share. */
  changesSpeed({ use }: SweepFacts, share: number): boolean {
    return (['stream', 'host', 'device'] as const).some((name) => {
      const [now, known] = [rate(use[name]), this.#rate(name)]
      return now > 0 && known !== undefined && Math.abs(now / known - 1) > share
    })
  }

  /** Median seconds of the last sweeps, of all by default. */
  seconds(count: number = this.#window): number {
    return median(this.#samples.slice(-count).map((sample) => sample.seconds))
  }

  /** By which a sweep grows longer from one to the next (least squares); 0 where that is not known. */
  growthSeconds(): number {
    const { length } = this.#samples
    if (length < 4) return 0
    const middle = (length - 1) / 2
    const squares = (length * (length * length - 1)) / 12
    const slope = this.#samples.reduce((sum, { seconds }, i) => sum + (i - middle) * seconds, 0) / squares
    return Math.max(0, slope)
  }

  /** Median busy seconds of a resource. */
  busy(name: ResourceName): number {
    return median(this.#samples.map(({ use }) => use[name].busySeconds))
  }

  /** Bytes a second of what streams; undefined where nothing was measured. */
  streamRate(): number | undefined {
    return this.#rate('stream')
  }

  #rate(name: ResourceName): number | undefined {
    const rates = this.#samples.map(({ use }) => rate(use[name])).filter((value) => value > 0)
    return rates.length === 0 ? undefined : median(rates)
  }
}

function rate({ bytes, busySeconds }: ResourceUse): number {
  return busySeconds === 0 ? 0 : bytes / busySeconds
}
