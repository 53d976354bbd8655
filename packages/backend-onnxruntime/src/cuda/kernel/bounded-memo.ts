/** Most values that are kept; enough for the lengths of a generation. */
const mostValues = 64

/** Values by key, each made when it is first asked for; where there are too many, all are made anew. */
export class BoundedMemo<Value> {
  readonly #values = new Map<string, Value>()
  readonly #drop: (value: Value) => void

  /** @param drop gives back what a value holds */
  constructor(drop: (value: Value) => void = () => {}) {
    this.#drop = drop
  }

  get(key: string, make: () => Value): Value {
    let value = this.#values.get(key)
    if (value === undefined) {
      value = make()
      if (this.#values.size >= mostValues) this.clear()
      this.#values.set(key, value)
    }
    return value
  }

  clear(): void {
    for (const value of this.#values.values()) this.#drop(value)
    this.#values.clear()
  }
}
