/** Samples over time in bounded memory: when it is full every second one goes, and the spacing doubles. */
export class SampleList<Sample> {
  readonly #most: number
  #samples: Sample[] = []
  #every = 1
  #seen = 0

  /** @param most samples that are kept at most, an even number */
  constructor(most = 400) {
    this.#most = most
  }

  add(sample: Sample): void {
    if (this.#seen++ % this.#every !== 0) return
    this.#samples.push(sample)
    if (this.#samples.length < this.#most) return
    this.#samples = this.#samples.filter((_, i) => i % 2 === 0)
    this.#every *= 2
  }

  get samples(): readonly Sample[] {
    return this.#samples
  }
}
