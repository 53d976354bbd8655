import { assertClose } from './assert-close.ts'

/** How far a logit may lie from the reference, as a share of itself and of the standard deviation of its row. */
const share = 1e-4

/**
 * Asserts that a row of logits is that of another implementation in float32, which holds whatever the order of sums:
 * |a - b| <= 1e-4 |b| + 1e-4 std(row).
 * @throws {AssertionError} with the index and both values of the worst difference
 */
export function assertLogits(actual: ArrayLike<number>, expected: ArrayLike<number>, what = 'logits'): void {
  assertClose(actual, expected, { absolute: share * standardDeviation(expected), relative: share }, what)
}

function standardDeviation(row: ArrayLike<number>): number {
  const values = Array.from(row)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
