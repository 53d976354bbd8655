/** Numbers in [0, 1) that depend on a seed and a counter alone. */
export interface CountedRandom {
  next(): number
}

/** A generator of its own stream for each use. */
export function createRandom(seed: number, stream: number): CountedRandom {
  let count = 0
  return { next: () => hashToUnit(seed, stream, count++) }
}

/** A number in [0, 1) for three whole numbers: rounds of a 32-bit mixer (splitmix's constants). */
export function hashToUnit(a: number, b: number, c: number): number {
  let h = 0x9e3779b9
  for (const part of [a, Math.floor(a / 2 ** 32), b, c]) {
    h = Math.imul(h ^ (part >>> 0), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return (h >>> 0) / 2 ** 32
}
