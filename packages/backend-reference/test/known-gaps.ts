import type { KnownLack } from '@flexgen/conformance'

/** What the reference does not do. */
export const lacks: readonly KnownLack[] = [
  {
    what: ['float16 compute', 'bfloat16 compute', 'float16 KV', 'bfloat16 KV'],
    reason: 'the oracle of the tests: everything in float32, and sums in float64',
  },
]
