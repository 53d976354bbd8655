import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend, type KnownGap } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { cudaLacks } from '../known-gaps.ts'
import { createFakeBackend } from './fake-cuda.ts'

/** Gaps of the stand-in, not of CUDA: it computes with ONNX Runtime on the CPU. */
const knownGaps: readonly KnownGap[] = [
  ...['Add', 'Mul', 'Relu'].map((what) => `${what} in bfloat16 agrees with the oracle, or is refused`),
  'a graph in bfloat16 gives an output that asks for float32 in float32',
].map((test) => ({ test, reason: 'ONNX Runtime on the CPU has no bfloat16' }))

describeBackend('ONNX Runtime on a fake CUDA driver', () => createFakeBackend(), {
  describe,
  it,
  oracle: () => createReferenceBackend(),
  knownGaps,
  lacks: cudaLacks,
})
