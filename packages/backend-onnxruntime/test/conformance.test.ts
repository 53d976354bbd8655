import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createOnnxRuntimeBackend } from '../src/index.ts'
import { lacks } from './known-gaps.ts'

for (const api of ['c', 'js'] as const) {
  describeBackend(`ONNX Runtime through api '${api}'`, () => createOnnxRuntimeBackend({ api, threads: 2 }), {
    describe,
    it,
    oracle: () => createReferenceBackend(),
    lacks,
  })
}
