import type { WeightRows } from './weight-rows.ts'

/** Weight rows that are read together. */
export const linearBlockRows = 4

/**
 * `x W^T + b` with W `[out, in]`: x `[rows, in]`, y `[rows, out]`. Every sum goes over the inner dimension in
 * ascending order in float64, so that a row's result never depends on the batch it is in.
 */
export function linearTransposed(x: Float32Array, weight: WeightRows, bias: Float32Array | undefined): Float32Array {
  const { rowCount: out, width: inner } = weight
  const rows = x.length / inner
  const y = new Float32Array(rows * out)
  const b = bias ?? new Float32Array(out)
  // Weight rows outside, so that each is widened once a run; four at a time hide the latency of the additions.
  for (let o = 0; o < out; o += linearBlockRows) {
    const count = Math.min(linearBlockRows, out - o)
    const w = weight.read(o, count)
    for (let row = 0; row < rows; row++) {
      if (count === linearBlockRows) dotFour(x, row * inner, w, inner, b, o, y, row * out + o)
      else for (let i = 0; i < count; i++) y[row * out + o + i] = dot(x, row * inner, w, i * inner, inner) + b[o + i]!
    }
  }
  return y
}

/** `x W + b` with W `[in, out]`; the sums run in the same order as in `linearTransposed`. */
export function linear(x: Float32Array, weight: WeightRows, bias: Float32Array | undefined): Float32Array {
  const { rowCount: inner, width: out } = weight
  const rows = x.length / inner
  const sums = new Float64Array(rows * out)
  for (let i = 0; i < inner; i++) {
    const w = weight.read(i, 1)
    for (let row = 0; row < rows; row++) {
      const factor = x[row * inner + i]!
      for (let o = 0, at = row * out; o < out; o++, at++) sums[at] = sums[at]! + factor * w[o]!
    }
  }
  return Float32Array.from(sums, (sum, at) => (bias === undefined ? sum : sum + bias[at % out]!))
}

function dot(x: Float32Array, xAt: number, w: Float32Array, wAt: number, inner: number): number {
  let sum = 0
  for (let i = 0; i < inner; i++) sum += x[xAt + i]! * w[wAt + i]!
  return sum
}

/** Four outputs at a time. */
function dotFour(
  x: Float32Array,
  xAt: number,
  w: Float32Array,
  inner: number,
  bias: Float32Array,
  biasAt: number,
  y: Float32Array,
  yAt: number,
): void {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0]
  const [at1, at2, at3] = [inner, 2 * inner, 3 * inner]
  for (let i = 0; i < inner; i++) {
    const value = x[xAt + i]!
    sum0 += value * w[i]!
    sum1 += value * w[at1 + i]!
    sum2 += value * w[at2 + i]!
    sum3 += value * w[at3 + i]!
  }
  y[yAt] = sum0 + bias[biasAt]!
  y[yAt + 1] = sum1 + bias[biasAt + 1]!
  y[yAt + 2] = sum2 + bias[biasAt + 2]!
  y[yAt + 3] = sum3 + bias[biasAt + 3]!
}
