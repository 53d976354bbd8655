import fc from 'fast-check'

/** A number from 0 up to 1, evenly spread (`fc.double` prefers values near 0): a place in something of any size. */
export const shares: fc.Arbitrary<number> = fc
  .noBias(fc.integer({ min: 0, max: 2 ** 30 - 1 }))
  .map((value) => value / 2 ** 30)
