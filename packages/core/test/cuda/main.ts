// Runs on a machine with an NVIDIA GPU: node main.ts. Without a GPU it says so and has tested nothing.
import { describe, it } from 'node:test'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import { FlexgenError } from '@flexgen/spec'
import { testConformance } from './conformance.ts'
import { testModels } from './models.ts'

/** Why there is nothing to test here; undefined where there is. */
async function problem(): Promise<FlexgenError | undefined> {
  try {
    const backend = await createOnnxRuntimeCudaBackend()
    process.stdout.write(`# ${backend.device.description}\n`)
    await backend[Symbol.asyncDispose]()
    return undefined
  } catch (error) {
    if (FlexgenError.isInstance(error) && error.code === 'BACKEND_UNAVAILABLE') return error
    throw error
  }
}

const missing = await problem()
if (missing === undefined) {
  testConformance({ describe, it }, () => createOnnxRuntimeCudaBackend())
  testModels({
    describe,
    it,
    createBackend: () => createOnnxRuntimeCudaBackend(),
    dtypes: ['float16', 'bfloat16', 'float32'],
    policies: 100,
  })
} else {
  process.stdout.write(`test:cuda was skipped, nothing was tested: ${missing.message}\nhint: ${missing.hint}\n`)
}
