import type { NodeOf } from '@flexgen/spec'

/** Rotates pairs of the first `rotaryDim` of every head of x `[tokens, heads * head dim]` by the token's position. */
export function rotaryEmbedding(
  x: Float32Array,
  positions: Int32Array,
  { heads, headDim, rotaryDim, theta, interleaved }: NodeOf<'RotaryEmbedding'>['attributes'],
): Float32Array {
  const y = Float32Array.from(x)
  const half = rotaryDim / 2
  for (let token = 0; token < positions.length; token++) {
    for (let i = 0; i < half; i++) {
      const angle = positions[token]! * theta ** (-i / half)
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      const [first, second] = interleaved ? [2 * i, 2 * i + 1] : [i, i + half]
      for (let head = 0; head < heads; head++) {
        const from = (token * heads + head) * headDim
        const [a, b] = [x[from + first]!, x[from + second]!]
        y[from + first] = a * cos - b * sin
        y[from + second] = b * cos + a * sin
      }
    }
  }
  return y
}
