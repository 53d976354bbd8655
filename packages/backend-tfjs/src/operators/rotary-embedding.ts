import type { NodeOf } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { TensorScope } from '../kernel/tensor-scope.ts'

/**
 * Rotates pairs of the first `rotaryDim` of every head of x `[tokens, heads * head dim]` by the token's position:
 * every value times a cosine, plus its partner times a sine.
 */
export function rotaryEmbedding(
  scope: TensorScope,
  x: TensorInfo,
  positions: Int32Array,
  { heads, headDim, rotaryDim, theta, interleaved }: NodeOf<'RotaryEmbedding'>['attributes'],
): TensorInfo {
  const width = heads * headDim
  const half = rotaryDim / 2
  const cosines = new Float32Array(positions.length * width).fill(1)
  const sines = new Float32Array(positions.length * width)
  const partners = Int32Array.from({ length: width }, (_, i) => i)
  for (let i = 0; i < half; i++) {
    const [first, second] = interleaved ? [2 * i, 2 * i + 1] : [i, i + half]
    const frequency = theta ** (-i / half)
    for (let head = 0; head < heads; head++) {
      const [one, other] = [head * headDim + first, head * headDim + second]
      partners[one] = other
      partners[other] = one
      for (const [token, position] of positions.entries()) {
        const [cosine, sine] = [Math.cos(position * frequency), Math.sin(position * frequency)]
        cosines[token * width + one] = cosine
        cosines[token * width + other] = cosine
        sines[token * width + one] = -sine
        sines[token * width + other] = sine
      }
    }
  }
  const indices = scope.wrap([width], partners)
  const partner = scope.kernel('GatherV2', { x, indices }, { axis: 1, batchDims: 0 })
  const shape = [positions.length, width]
  return scope.add(scope.multiply(x, scope.wrap(shape, cosines)), scope.multiply(partner, scope.wrap(shape, sines)))
}
