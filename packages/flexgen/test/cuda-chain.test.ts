import { createReferenceBackend } from '@flexgen/backend-reference'
import { parseHardwareProfile } from '@flexgen/planner'
import { type MeasureEffort, profileMachine } from '@flexgen/profiler'
import { type Backend, systemClock } from '@flexgen/spec'
import { createDiskTier } from '@flexgen/storage'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createEngine } from '../src/index.ts'

// The stand-in is a part of that backend's tests, which no package exports.
const fakeCuda = new URL('../../backend-onnxruntime/test/cuda/fake-cuda.ts', import.meta.url).href
const { createFakeBackend } = (await import(fakeCuda)) as { createFakeBackend: () => Promise<Backend> }

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-cuda-chain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** So little that kernels of a stand-in do it in a moment. */
const little: MeasureEffort = {
  timing: { leastSeconds: 0.002, repetitions: 2 },
  width: 128,
  matrices: 4,
  productsPerRun: 2,
  rows: [1, 8],
  heads: 2,
  headDim: 64,
  sequences: [1, 4],
  positions: [8, 32],
  kvBytes: 2 ** 16,
  promptTokens: [8, 16],
  prefillTokens: 32,
  elementwiseTokens: 16,
  fileBytes: 2 ** 20,
  readSeconds: 0.01,
  besideSeconds: 0.02,
  copyBytes: 2 ** 18,
  pinnedBytes: 2 ** 20,
}

const prompts = Array.from({ length: 5 }, (_, i) =>
  Array.from({ length: 10 - i }, (_unused, j) => 2 + ((7 * i + j) % 40)),
)
const run = { maxNewTokens: 5, ignoreEos: true }
const workload = { sequences: 5, maxPromptTokens: 10, maxNewTokens: 5 }

/** The CUDA backend on a fake driver, whose device memory is apart, and a host beside it. */
describe('from a profile of a card to a run', () => {
  it('measures it, chooses policies by what it measured, keeps their budgets, and predicts their bytes', async () => {
    await using host = createReferenceBackend()
    const hardware = path.join(folder, 'hardware.json')
    {
      await using card = await createFakeBackend()
      const profile = await profileMachine({
        name: 'fake',
        backends: [card],
        host,
        createDisk: (direct) => createDiskTier({ offloadDir: folder, clock: systemClock, direct }),
        machine: { cpuName: 'a processor', cpuCores: 2 },
        capacity: { ramBytes: 8e9, diskBytes: 1e9 },
        versions: { node: process.version },
        measuredAt: new Date(),
        effort: little,
      })
      expect(parseHardwareProfile(JSON.parse(JSON.stringify(profile)), 'test')).toEqual(profile)
      expect(profile.compute.device).toMatchObject({ backend: 'onnxruntime-cuda' })
      expect(profile.machine).toMatchObject({ device: 'gpu', deviceName: expect.stringContaining('fake GPU') })
      expect(profile.capacity.deviceBytes).toBe(8 * 2 ** 30)
      writeFileSync(hardware, JSON.stringify(profile))
    }
    const ranWith = async (maxDeviceMemory: number | undefined, policy: Parameters<typeof createEngine>[0]) => {
      await using card = await createFakeBackend()
      await using engine = await createEngine({
        backend: card,
        hostBackend: host,
        offloadDir: folder,
        history: false,
        hardware,
        workload,
        ...(maxDeviceMemory !== undefined && { maxDeviceMemory }),
        ...policy,
      })
      const results = await engine.generateAll(prompts, run)
      return { ids: results.map(({ ids }) => ids), report: engine.report(), prediction: await engine.prediction() }
    }
    const { ids, report } = await ranWith(undefined, { policy: { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 5 } })
    const maxDeviceMemory = Math.floor(report.plan.deviceBytes * 0.75)
    const auto = await ranWith(maxDeviceMemory, { policy: 'auto' })
    expect(auto.ids).toEqual(ids)
    expect(auto.report.plan.deviceBytes).toBeLessThanOrEqual(maxDeviceMemory)
    expect(auto.prediction!.predicted.peakDeviceBytes).toBe(auto.report.plan.deviceBytes)
    expect(auto.prediction!.isAssumed).toBe(false)
    expect(auto.prediction!.predicted.decodeStepSeconds).toBeGreaterThan(0)
  })

  it.each([
    [2, 100],
    [5, 40],
    [5, 0],
  ])(
    'predicts the bytes of batches of %i with %i % attended on the host',
    async (gpuBatchSize, hostAttentionPercent) => {
      await using host = createReferenceBackend()
      await using card = await createFakeBackend()
      await using engine = await createEngine({
        backend: card,
        hostBackend: host,
        offloadDir: folder,
        history: false,
        hardware: 'h100-pcie5',
        workload,
        policy: { percent: [50, 50, 0, 100, 0, 100], gpuBatchSize, numGpuBatches: 3, hostAttentionPercent },
      })
      await engine.generateAll(prompts, run)
      const prediction = await engine.prediction()
      expect(prediction!.predicted.peakDeviceBytes).toBe(engine.report().plan.deviceBytes)
    },
  )
})
