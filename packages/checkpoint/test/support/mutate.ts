import fc from 'fast-check'

/** Damage to a file: bytes that change, and where it is cut off. */
export type Mutation = (bytes: Uint8Array) => Uint8Array

/** A number from 0 to 1, evenly spread (`fc.double` prefers values near 0). */
export const shares: fc.Arbitrary<number> = fc
  .noBias(fc.integer({ min: 0, max: 2 ** 30 - 1 }))
  .map((value) => value / 2 ** 30)

const anyByte = fc.oneof(
  fc.noBias(fc.integer({ min: 0, max: 255 })),
  fc.constantFrom(0, 0x22, 0x2d, 0x39, 0x5b, 0x7b, 0x7f, 0xff),
)

/** One to six changed bytes and, one time in eight, a cut. */
export const mutations: fc.Arbitrary<Mutation> = fc
  .record({
    changes: fc.array(fc.tuple(shares, anyByte), { minLength: 1, maxLength: 6 }),
    cut: fc.oneof({ weight: 7, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: shares }),
  })
  .map(({ changes, cut }) => (bytes) => {
    const copy = Uint8Array.from(bytes)
    for (const [place, value] of changes) copy[Math.floor(place * copy.length)] = value
    return copy.subarray(0, Math.floor(cut * copy.length))
  })
