/** The free ranges of a slab, by ascending offset; neighbours are joined. */
export class FreeRanges {
  readonly #sizeBytes: number
  readonly #ranges: { start: number; end: number }[]

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
    this.#ranges = [{ start: 0, end: sizeBytes }]
  }

  get isEmpty(): boolean {
    const [first] = this.#ranges
    return first !== undefined && first.start === 0 && first.end === this.#sizeBytes
  }

  /** Bytes of all free ranges. */
  get freeBytes(): number {
    return this.#ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  }

  /** Takes the first range that is large enough; undefined where there is none. */
  take(byteLength: number): number | undefined {
    const index = this.#ranges.findIndex(({ start, end }) => end - start >= byteLength)
    const range = this.#ranges[index]
    if (range === undefined) return undefined
    const { start } = range
    range.start += byteLength
    if (range.start === range.end) this.#ranges.splice(index, 1)
    return start
  }

  give(start: number, byteLength: number): void {
    const end = start + byteLength
    let index = this.#ranges.findIndex((range) => range.start > start)
    if (index < 0) index = this.#ranges.length
    this.#ranges.splice(index, 0, { start, end })
    const [before, own, after] = [this.#ranges[index - 1], this.#ranges[index]!, this.#ranges[index + 1]]
    if (after?.start === own.end) {
      own.end = after.end
      this.#ranges.splice(index + 1, 1)
    }
    if (before?.end === own.start) {
      before.end = own.end
      this.#ranges.splice(index, 1)
    }
  }
}
