/** Index of the largest value of every row, the first of equals. */
export function argMax(x: Float32Array, width: number): Int32Array {
  const y = new Int32Array(x.length / width)
  for (let row = 0; row < y.length; row++) {
    let best = 0
    for (let i = 1; i < width; i++) if (x[row * width + i]! > x[row * width + best]!) best = i
    y[row] = best
  }
  return y
}
