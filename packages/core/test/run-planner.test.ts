import { createOnnxRuntimeBackend } from '@flexgen/backend-onnxruntime'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressSource } from '@flexgen/checkpoint'
import type { Backend } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseWeightForms, createPolicy, createRunPlanner, type RunPlanner } from '../src/index.ts'
import { openBench, openFixture } from './support/bench.ts'

const share = fc
  .tuple(fc.constantFrom(0, 10, 30, 50, 100), fc.constantFrom(0, 20, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])

const cases = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 4 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
  compressWeight: fc.boolean(),
  placement: fc.constantFrom('exact' as const, 'flexgen' as const),
  sequences: fc.integer({ min: 1, max: 9 }),
  maxPromptTokens: fc.integer({ min: 1, max: 12 }),
  maxNewTokens: fc.integer({ min: 1, max: 8 }),
  spareRamBytes: fc.constantFrom(undefined, 0, 30_000),
})

/** Compares plans of one planner for many policies with those of engines that really load the model. */
async function checkPlans(makeBackend: () => Promise<Backend>, canCompress: boolean, numRuns: number): Promise<void> {
  await using opened = await openFixture()
  const { model } = opened
  await using backend = await makeBackend()
  const compressed = compressSource(opened.weights, chooseWeightForms(model))
  const planners = new Map<string, RunPlanner>()
  await fc.assert(
    fc.asyncProperty(cases, async ({ sequences, maxPromptTokens, maxNewTokens, spareRamBytes, ...given }) => {
      const options = { ...given, compressWeight: given.compressWeight && canCompress }
      const { sepLayer, compressWeight } = options
      const weights = compressWeight ? compressed : opened.weights
      const key = `${sepLayer} ${compressWeight}`
      const form = { sepLayer, compressCache: false, attentionSparsity: 1 }
      const planner = planners.get(key) ?? (await createRunPlanner({ model, weights, backend, ...form }))
      planners.set(key, planner)
      const workload = { sequences, maxPromptTokens, maxNewTokens }
      const least = planner.layOut(createPolicy({ ...options, overlap: false }), workload).plan.ram.total
      const maxRamBytes = spareRamBytes === undefined ? undefined : least + spareRamBytes
      const { plan } = planner.layOut(createPolicy(options), workload, { maxRamBytes })
      await using bench = await openBench({ backend, model, weights, policy: options, workload, maxRamBytes })
      await using engine = await bench.createEngine()
      expect(plan).toEqual(engine.plan)
    }),
    { numRuns },
  )
  for (const planner of planners.values()) await planner[Symbol.asyncDispose]()
}

describe("the run planner's bytes are the engine's plan, for random policies, lengths and budgets", () => {
  it('on a host backend', () => checkPlans(() => Promise.resolve(createReferenceBackend()), true, 60))

  it('on a device with memory of its own', () =>
    checkPlans(() => Promise.resolve(createReferenceBackend({ hostVisible: false })), true, 60))

  it('on ONNX Runtime', () => checkPlans(() => createOnnxRuntimeBackend({ threads: 1 }), false, 20))
})
