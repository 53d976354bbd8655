import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createOnnxRuntimeBackend } from '../src/index.ts'

describeBackend('ONNX Runtime through its C API', () => createOnnxRuntimeBackend({ api: 'c', threads: 2 }), {
  describe,
  it,
  oracle: () => createReferenceBackend(),
})
