// Runs on a machine with an NVIDIA GPU: node main.ts. Without a GPU it says so and has tested nothing.
import { describe, it } from 'node:test'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { FlexgenError } from '@flexgen/spec'
import { testModels } from './models.ts'
import { halfTolerance, isAboutNumbers, narrowBackend } from './narrow-backend.ts'

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
  const kit = { describe, it, oracle: () => createReferenceBackend() }
  describeBackend('ONNX Runtime on CUDA in float32', () => createOnnxRuntimeCudaBackend(), kit)
  for (const half of ['float16', 'bfloat16'] as const) {
    describeBackend(
      `ONNX Runtime on CUDA in ${half}`,
      async () => narrowBackend(await createOnnxRuntimeCudaBackend(), half),
      {
        ...kit,
        it: (title, body) => {
          if (isAboutNumbers(title)) void it(title, body)
        },
        tolerance: halfTolerance[half],
      },
    )
  }
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
