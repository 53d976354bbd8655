import { erf } from './erf.ts'

/** `none`: x/2 (1 + erf(x/sqrt 2)); `tanh`: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function gelu(x: Float32Array, approximate: 'none' | 'tanh'): Float32Array {
  return approximate === 'none'
    ? x.map((value) => (value / 2) * (1 + erf(value / Math.SQRT2)))
    : x.map((value) => (value / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3))))
}
