/** Elementwise product. */
export function mul(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value * b[i]!)
}
