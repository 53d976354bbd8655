/** A seeded source of random numbers, the same on every machine. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item
}

/** Makes a random number generator (mulberry32: 32 bits of state, good enough for test data). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return { next, integer, pick: (items) => items[integer(0, items.length - 1)]! }
}

/** Uniform random values in [-1, 1), the same for the same seed. */
export function randomFloats(seed: number, count: number): Float32Array {
  const random = createRandom(seed)
  return Float32Array.from({ length: count }, () => random.next() * 2 - 1)
}

/** Random bytes, the same for the same seed. */
export function randomBytes(seed: number, count: number): Uint8Array {
  const random = createRandom(seed)
  return Uint8Array.from({ length: count }, () => random.integer(0, 255))
}
