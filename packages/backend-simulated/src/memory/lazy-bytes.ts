/**
 * Bytes that exist once somebody asks for the memory behind them. Until then they are zeros that take no memory, so
 * that a tier of a terabyte can hand out its regions: parts of them are they themselves, and what is written to them is
 * lost. The engine asks for the memory of what it reads and writes itself: ids, positions, lengths, logits.
 */
export class LazyBytes extends Uint8Array<ArrayBuffer> {
  readonly #sizeBytes: number
  readonly #onMade: (bytes: Uint8Array<ArrayBuffer>) => void
  #made: Uint8Array<ArrayBuffer> | undefined

  private constructor(sizeBytes: number, onMade: (bytes: Uint8Array<ArrayBuffer>) => void) {
    super(new ArrayBuffer(0))
    this.#sizeBytes = sizeBytes
    this.#onMade = onMade
    // Accessors of the instance: a typed array's own are properties to the compiler.
    Object.defineProperties(this, {
      buffer: { get: () => this.#make().buffer },
      byteOffset: { get: () => this.#make().byteOffset },
      byteLength: { get: () => sizeBytes },
      length: { get: () => sizeBytes },
    })
  }

  /** @param onMade told of the memory when it is made */
  static create(sizeBytes: number, onMade: (bytes: Uint8Array<ArrayBuffer>) => void): LazyBytes {
    return new LazyBytes(sizeBytes, onMade)
  }

  override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.#made?.subarray(begin, end) ?? this
  }

  override set(array: ArrayLike<number>, offset?: number): void {
    this.#made?.set(array, offset)
  }

  #make(): Uint8Array<ArrayBuffer> {
    if (this.#made === undefined) {
      this.#made = new Uint8Array(this.#sizeBytes)
      this.#onMade(this.#made)
    }
    return this.#made
  }
}
