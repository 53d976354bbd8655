/** max(x, 0). */
export function relu(x: Float32Array): Float32Array {
  return x.map((value) => Math.max(value, 0))
}
