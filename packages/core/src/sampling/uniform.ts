/**
 * A uniform number in [0, 1) that depends on (seed, sequence, position) alone, so that neither placement nor batch
 * split ever changes a sample. Three rounds of the murmur3 finaliser over the key, 32 bits of it used.
 */
export function keyedUniform(seed: number, sequence: number, position: number): number {
  let hash = mix(Math.trunc(seed / 2 ** 32) ^ 0x9e3779b9)
  hash = mix(hash ^ (seed | 0))
  hash = mix(hash ^ sequence)
  hash = mix(hash ^ position)
  return (hash >>> 0) / 2 ** 32
}

function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) + 0x6d2b79f5
}
