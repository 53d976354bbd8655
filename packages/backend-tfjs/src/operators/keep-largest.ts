/** Sets all but the `kept` largest of the first `count` weights to zero; of equal ones the first are kept. */
export function keepLargest(weights: Float32Array, count: number, kept: number): void {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  order.sort((a, b) => weights[b]! - weights[a]! || a - b)
  for (let i = kept; i < count; i++) weights[order[i]!] = 0
}
