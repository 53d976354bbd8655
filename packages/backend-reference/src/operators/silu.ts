/** x * sigmoid(x). */
export function silu(x: Float32Array): Float32Array {
  return x.map((value) => value / (1 + Math.exp(-value)))
}
