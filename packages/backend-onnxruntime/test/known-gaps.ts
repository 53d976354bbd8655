import type { KnownLack } from '@flexgen/conformance'

/** What ONNX Runtime on the CPU does not do here. */
export const lacks: readonly KnownLack[] = [
  {
    what: ['float16 compute', 'bfloat16 compute', 'float16 KV', 'bfloat16 KV'],
    reason: 'it has no half kernels on the CPU: they would be widened before every product',
  },
  {
    what: ['q4g64 weights', 'q4g64c weights', 'q4g64 KV', 'QuantizeGroup', 'DequantizeGroup'],
    reason: 'its 4-bit kernels read another layout: groups would be repacked',
  },
]

/** What ONNX Runtime on CUDA does not do here. */
export const cudaLacks: readonly KnownLack[] = [
  { what: ['TopK', 'Sample'], reason: 'the engine samples from the logits on the host' },
  { what: ['RotaryEmbedding'], reason: 'no model family with it yet' },
]
