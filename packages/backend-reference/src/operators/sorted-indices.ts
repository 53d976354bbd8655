/** Indices of values in descending order, equals by index. */
export function sortedIndices(values: Float32Array): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i)
  return order.sort((a, b) => values[b]! - values[a]! || a - b)
}
