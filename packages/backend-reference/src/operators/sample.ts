import type { NodeOf } from '@flexgen/spec'
import { sortedIndices } from './sorted-indices.ts'

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
  { temperature, topK, topP }: NodeOf<'Sample'>['attributes'],
): number {
  const order = sortedIndices(logits).subarray(0, topK > 0 ? topK : logits.length)
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
