import { createNativeBackend } from '@flexgen/backend-native'
import { createOnnxRuntimeBackend } from '@flexgen/backend-onnxruntime'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressSource } from '@flexgen/checkpoint'
import type { Backend, TraceSpan } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { chooseWeightForms } from '../../src/index.ts'
import { openBench, openFixture } from '../support/bench.ts'
import { hasNative } from '../support/native-here.ts'

const placements = [
  [100, 0, 0, 100, 100, 0],
  [0, 100, 0, 100, 100, 0],
  [30, 40, 20, 40, 40, 30],
]
const options = { maxNewTokens: 9, ignoreEos: true }

const devices: readonly [name: string, create: () => Backend | Promise<Backend>][] = [
  ['a device with memory of its own', () => createReferenceBackend({ hostVisible: false })],
  ['the reference', () => createReferenceBackend()],
  ['ONNX Runtime', () => createOnnxRuntimeBackend({ threads: 1 })],
  ['another native backend', () => createNativeBackend({ threads: 1 })],
]

const heldBytes = (backend: Backend): number => {
  const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
  return deviceBytes + hostBytes + preparedBytes
}

describe.skipIf(!hasNative)('native attends on the host', () => {
  it.each(devices)('beside %s: the ids of transformers, and nothing is left', async (_, create) => {
    await using opened = await openFixture('pre-norm')
    const { fixture, model, weights } = opened
    const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
    for (const percent of placements) {
      for (const hostAttentionPercent of [0, 50, 100]) {
        await using backend = await create()
        await using host = await createNativeBackend({ threads: 2 })
        const spans: TraceSpan[] = []
        await using bench = await openBench({
          backend,
          host,
          model,
          weights,
          // The dtype in which all of them compute.
          dtype: 'float32',
          policy: { percent, hostAttentionPercent, gpuBatchSize: 2, numGpuBatches: 2 },
          pagePositions: 4,
          trace: { span: (span) => void spans.push(span) },
        })
        const engine = await bench.createEngine()
        const results = await engine.generateAll(requests, options)
        await engine[Symbol.asyncDispose]()
        // No two best logits of the fixture are nearer than 0.005: every id is compared.
        expect(results.map(({ ids }) => ids)).toEqual(fixture.prompts.map(({ ids }) => ids.slice(0, 9)))
        const attended = spans.filter(({ queue }) => queue === 'host attention').length
        expect({ percent, hostAttentionPercent, attended: attended > 0 }).toEqual({
          percent,
          hostAttentionPercent,
          attended: hostAttentionPercent > 0,
        })
        expect(await bench.close()).toEqual([])
        expect({ bench: bench.heldBytes(), host: heldBytes(host) }).toEqual({ bench: 0, host: 0 })
      }
    }
  })

  it.each(['float16', 'bfloat16'] as const)('in %s, as native does on the device itself', async (dtype) => {
    await using opened = await openFixture('pre-norm')
    const { fixture, model, weights } = opened
    const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
    const run = async (backend: Backend, host: Backend | undefined, policy: object) => {
      await using bench = await openBench({ backend, host, model, weights, dtype, policy })
      await using engine = await bench.createEngine()
      const results = await engine.generateAll(requests, options)
      expect(engine.report().computeDtype).toBe(dtype)
      return results.map(({ ids }) => ids)
    }
    await using device = await createNativeBackend({ threads: 1 })
    await using host = await createNativeBackend({ threads: 2 })
    const alone = await run(device, undefined, { percent: [100, 0, 100, 0, 100, 0] })
    const beside = await run(device, host, { percent: [20, 60, 0, 60, 100, 0], hostAttentionPercent: 100 })
    expect(beside).toEqual(alone)
    expect([heldBytes(host), heldBytes(device)]).toEqual([0, 0])
  })

  it('over 4-bit KV, as native does on the device itself', async () => {
    await using opened = await openFixture('pre-norm')
    const { fixture, model } = opened
    const weights = compressSource(opened.weights, chooseWeightForms(model))
    const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
    const run = async (backend: Backend, host: Backend | undefined, policy: object) => {
      const compressed = { ...policy, compressWeight: true, compressCache: true }
      await using bench = await openBench({ backend, host, model, weights, dtype: 'float32', policy: compressed })
      await using engine = await bench.createEngine()
      return (await engine.generateAll(requests, options)).map(({ ids }) => ids)
    }
    await using native = await createNativeBackend({ threads: 2 })
    const alone = await run(native, undefined, { percent: [100, 0, 100, 0, 100, 0] })
    await using device = createReferenceBackend({ hostVisible: false })
    const beside = await run(device, native, { percent: [0, 100, 0, 100, 100, 0], hostAttentionPercent: 100 })
    expect(beside).toEqual(alone)
    expect([heldBytes(native), heldBytes(device)]).toEqual([0, 0])
  })
})
