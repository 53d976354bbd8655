/** exp(x - max) / sum over rows of a width. */
export function softmax(x: Float32Array, width: number): Float32Array {
  const y = new Float32Array(x.length)
  for (let from = 0; from < x.length; from += width) {
    let largest = Number.NEGATIVE_INFINITY
    for (let i = 0; i < width; i++) largest = Math.max(largest, x[from + i]!)
    let sum = 0
    for (let i = 0; i < width; i++) sum += Math.exp(x[from + i]! - largest)
    for (let i = 0; i < width; i++) y[from + i] = Math.exp(x[from + i]! - largest) / sum
  }
  return y
}
