/** A 32-bit hash of a text and a seed (FNV-1a with the final mix of MurmurHash3); never 0. */
export function mixSeed(text: string, seed: number): number {
  let hash = 0x811c9dc5
  for (const part of `${seed}/${text}`) hash = Math.imul(hash ^ part.codePointAt(0)!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}
