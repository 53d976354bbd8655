import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createFakeBackend } from './fake-cuda.ts'

describeBackend('ONNX Runtime on a fake CUDA driver', createFakeBackend, {
  describe,
  it,
  oracle: () => createReferenceBackend(),
})
