import type { KnownGap } from '@flexgen/conformance'

/** Gaps of the fake GPU, not of CUDA: it computes with ONNX Runtime on the CPU. */
export const fakeGaps: readonly KnownGap[] = [
  ...['Linear', 'Add', 'Mul', 'Relu', 'a decoder layer'].map(
    (what) => `${what} in bfloat16 agrees with the oracle, or is refused`,
  ),
  'a graph in bfloat16 gives an output that asks for float32 in float32',
].map((test) => ({ test, reason: 'ONNX Runtime on the CPU has no bfloat16' }))
