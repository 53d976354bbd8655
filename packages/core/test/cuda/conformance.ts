import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend, type TestKit } from '@flexgen/conformance'
import { fakeGaps } from './fake-gaps.ts'
import { halfTolerance, narrowBackend, numbersOnly, roundingBackend } from './narrow-backend.ts'
import type { TestedGpu } from './tested-gpu.ts'

/** The conformance suite on a GPU: all of it in float32, and what is about numbers again with activations in halves. */
export function testConformance({ describe, it }: TestKit, { isFake, createBackend }: TestedGpu): void {
  describeBackend('ONNX Runtime on CUDA in float32', createBackend, {
    describe,
    it,
    oracle: () => createReferenceBackend(),
    knownGaps: isFake ? fakeGaps : [],
  })
  for (const half of isFake ? (['float16'] as const) : (['float16', 'bfloat16'] as const)) {
    describeBackend(`ONNX Runtime on CUDA in ${half}`, async () => narrowBackend(await createBackend(), half), {
      describe,
      it: numbersOnly(it),
      oracle: () => roundingBackend(createReferenceBackend(), half),
      tolerance: halfTolerance[half],
    })
  }
}
