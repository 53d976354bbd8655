import assert from 'node:assert/strict'

/** How far two values may lie apart: `|actual - expected| <= absolute + relative * |expected|`. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

/**
 * Asserts that values agree within a tolerance; NaN agrees with nothing.
 * @throws {AssertionError} with the index and both values of the worst difference
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what = 'values',
): void {
  assert.equal(actual.length, expected.length, `${what}: number of values`)
  let worst = -1
  let worstExcess = 0
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue
    const allowed = tolerance.absolute + tolerance.relative * Math.abs(expected[i]!)
    const excess = Math.abs(actual[i]! - expected[i]!) - allowed
    if (excess <= worstExcess) continue
    // A NaN is the worst of all; it fails the comparison above, too.
    worst = i
    if (Number.isNaN(excess)) break
    worstExcess = excess
  }
  if (worst >= 0)
    assert.fail(`${what}: value ${worst} of ${expected.length} is ${actual[worst]}, expected ${expected[worst]}`)
}
