import assert from 'node:assert/strict'

/**
 * Asserts that two pieces of memory hold the same bytes.
 *
 * `assert.deepEqual` would do, but spends seconds on the text of the difference of a few thousand bytes.
 * @throws {AssertionError} with the first byte that differs
 */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.equal(actual.byteLength, expected.byteLength, `${what}: number of bytes`)
  if (Buffer.compare(actual, expected) === 0) return
  const at = expected.findIndex((byte, i) => byte !== actual[i])
  assert.fail(`${what}: byte ${at} of ${expected.byteLength} is ${actual[at]}, expected ${expected[at]}`)
}
