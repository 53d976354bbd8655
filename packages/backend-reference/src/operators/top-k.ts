import { sortedIndices } from './sorted-indices.ts'

/** The k largest of every row, descending, equals by index. */
export function topK(x: Float32Array, width: number, k: number): { values: Float32Array; indices: Int32Array } {
  const rows = x.length / width
  const values = new Float32Array(rows * k)
  const indices = new Int32Array(rows * k)
  for (let row = 0; row < rows; row++) {
    const order = sortedIndices(x.subarray(row * width, (row + 1) * width))
    for (let i = 0; i < k; i++) {
      indices[row * k + i] = order[i]!
      values[row * k + i] = x[row * width + order[i]!]!
    }
  }
  return { values, indices }
}
