import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend, type TestKit } from '@flexgen/conformance'
import type { Backend } from '@flexgen/spec'
import { halfTolerance, narrowBackend, numbersOnly, roundingBackend } from './narrow-backend.ts'

/** The conformance suite on a GPU: all of it in float32, and what is about numbers again with activations in halves. */
export function testConformance(
  { describe, it }: TestKit,
  createBackend: () => Promise<Backend>,
  halves: readonly ('float16' | 'bfloat16')[],
): void {
  describeBackend('ONNX Runtime on CUDA in float32', createBackend, {
    describe,
    it,
    oracle: () => createReferenceBackend(),
  })
  for (const half of halves) {
    describeBackend(`ONNX Runtime on CUDA in ${half}`, async () => narrowBackend(await createBackend(), half), {
      describe,
      it: numbersOnly(it),
      oracle: () => roundingBackend(createReferenceBackend(), half),
      tolerance: halfTolerance[half],
    })
  }
}
