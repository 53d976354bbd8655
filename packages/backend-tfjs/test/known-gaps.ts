import type { KnownLack } from '@flexgen/conformance'

/** What TensorFlow.js does not do, whatever the engine. */
export const lacks: readonly KnownLack[] = [
  {
    what: ['float16 compute', 'bfloat16 compute', 'float16 KV', 'bfloat16 KV'],
    reason: 'its tensors are float32: half weights are widened as they are uploaded, and KV is kept as it is computed',
  },
  {
    what: ['q4g64 weights', 'q4g64c weights', 'q4g64 KV', 'QuantizeGroup', 'DequantizeGroup'],
    reason: 'it has no 4-bit tensors',
  },
]
