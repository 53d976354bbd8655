import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createFakeBackend } from './fake-backend.ts'
import { halfTolerance, narrowBackend, numbersOnly, roundingBackend } from './narrow-backend.ts'

// What test:cuda does with halves on a GPU; ONNX Runtime on the CPU has no bfloat16.
describeBackend('a fake GPU in float16', async () => narrowBackend(await createFakeBackend(), 'float16'), {
  describe,
  it: numbersOnly(it),
  oracle: () => roundingBackend(createReferenceBackend(), 'float16'),
  tolerance: halfTolerance.float16,
})
