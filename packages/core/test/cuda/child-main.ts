// A process for tests to kill: node child-main.ts (fake|gpu) open, or run OFFLOAD_DIR, which generates without end.
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import { FlexgenError, systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { createEngine, createPolicy } from '../../src/index.ts'
import { openFixture } from '../support/bench.ts'
import { createFakeBackend } from './fake-backend.ts'

const [kind, what, offloadDir] = process.argv.slice(2)

async function main(): Promise<void> {
  await using backend = kind === 'fake' ? await createFakeBackend() : await createOnnxRuntimeCudaBackend()
  if (what !== 'run') return
  await using opened = await openFixture()
  await using ram = createRamTier({
    allocateHost: (bytes) => backend.allocateHost(bytes),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  await using disk = await createDiskTier({ offloadDir: offloadDir!, clock: systemClock })
  const policy = createPolicy({ percent: [20, 30, 20, 30, 20, 30], gpuBatchSize: 2, numGpuBatches: 2 })
  const { model, weights } = opened
  await using engine = await createEngine({ model, weights, backend, ram, disk, policy, pagePositions: 2 })
  const requests = Array.from({ length: 4 }, () => ({ promptIds: [2, 5, 9] }))
  for (;;)
    await engine.generateAll(requests, {
      maxNewTokens: 20,
      ignoreEos: true,
      onLogits: () => void process.stdout.write('running\n'),
    })
}

try {
  await main()
} catch (error) {
  if (!FlexgenError.isInstance(error)) throw error
  process.stdout.write(`${error.code}: ${error.message}\n`)
}
