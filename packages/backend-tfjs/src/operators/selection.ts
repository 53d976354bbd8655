import type { NodeOf } from '@flexgen/spec'

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

/** One id a row from logits `[rows, width]` and uniform numbers `[rows]` in [0, 1). */
export function sample(
  logits: Float32Array,
  uniform: Float32Array,
  attributes: NodeOf<'Sample'>['attributes'],
): Int32Array {
  const width = logits.length / uniform.length
  return Int32Array.from(uniform, (number, row) =>
    sampleRow(logits.subarray(row * width, (row + 1) * width), number, attributes),
  )
}

function sampleRow(
  logits: Float32Array,
  uniform: number,
  { temperature, topK: most, topP }: NodeOf<'Sample'>['attributes'],
): number {
  const order = sortedIndices(logits).subarray(0, most > 0 ? most : logits.length)
  const weights = Float64Array.from(order, (id) => Math.exp((logits[id]! - logits[order[0]!]!) / temperature))
  // Probabilities of topP are those of what topK left; the smallest set that reaches topP holds at least one.
  const enough = topP * weights.reduce((sum, weight) => sum + weight, 0)
  let total = 0
  let count = 0
  while (count < order.length && (count === 0 || total < enough)) total += weights[count++]!
  let cumulative = 0
  for (let i = 0; i < count; i++) {
    cumulative += weights[i]! / total
    if (cumulative > uniform) return order[i]!
  }
  // Rounding can leave the sum a little below 1.
  return order[count - 1]!
}

/** Indices of values in descending order, equals by index. */
function sortedIndices(values: Float32Array): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i)
  return order.sort((a, b) => values[b]! - values[a]! || a - b)
}
