/**
 * Largest |a - b| of a row of logits as a share of the bound that the project holds in float32 against transformers
 * (design, invariant 2): 1e-4 |b| + 1e-4 std(row). Up to 1 is well; not a number or another length is Infinity.
 */
export function shareOfBound(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  const row = Array.from(expected)
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length
  const deviation = Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length)
  let worst = 0
  for (const [i, value] of row.entries()) {
    const share = Math.abs(actual[i]! - value) / (1e-4 * Math.abs(value) + 1e-4 * deviation)
    if (Number.isNaN(share)) return Number.POSITIVE_INFINITY
    worst = Math.max(worst, share)
  }
  return worst
}
