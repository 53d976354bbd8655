import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressSource, openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chooseWeightForms,
  createPolicy,
  defaultPercent,
  type GenerationEvent,
  type PolicyOptions,
} from '../../src/index.ts'
import { openBench } from '../support/bench.ts'
import { runEngine } from '../run-engine.ts'

const requests = [
  { promptIds: [2, 5, 9, 11, 40, 3, 8] },
  { promptIds: [2, 7, 33] },
  { promptIds: [3, 4] },
  { promptIds: [60] },
  { promptIds: [2, 12, 13, 14] },
]
const options = { maxNewTokens: 6, ignoreEos: true, logProbs: 'new' } as const

const share = fc
  .tuple(fc.constantFrom(0, 30, 50, 100), fc.constantFrom(0, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])

const policies = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 3 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
  compressWeight: fc.boolean(),
  compressCache: fc.boolean(),
  attentionSparsity: fc.constantFrom(1, 0.5),
  hostAttentionPercent: fc.constantFrom(0, 100),
})

async function openModel() {
  const fixture = loadFixture('pre-norm')
  const original = await openCheckpoint(fixture.folder)
  const model = createOptModel(fixture.config, { tensorNames: original.tensors.keys() })
  const compressed = compressSource(original, chooseWeightForms(model))
  return { model, original, weightsOf: (policy: PolicyOptions) => (policy.compressWeight ? compressed : original) }
}

/** What a policy is compared with: everything on the device, in one batch; the rest changes results by itself. */
function everywhere(policy: PolicyOptions): PolicyOptions {
  return {
    ...policy,
    percent: defaultPercent,
    gpuBatchSize: requests.length,
    numGpuBatches: 1,
    hostAttentionPercent: 0,
  }
}

describe('a breakdown', () => {
  it('gives the results of a plain run for 30 random policies', async () => {
    const { model, original, weightsOf } = await openModel()
    await fc.assert(
      fc.asyncProperty(policies, fc.boolean(), async (policy, hostVisible) => {
        const weights = weightsOf(policy)
        const plain = { backend: createReferenceBackend(), model, weights }
        const expected = await runEngine({ ...plain, policy: everywhere(policy) }, requests, options)
        const backend = createReferenceBackend({ hostVisible })
        const host = policy.hostAttentionPercent > 0 ? createReferenceBackend() : undefined
        const broken = await runEngine({ backend, host, model, weights, policy, pagePositions: 3 }, requests, {
          ...options,
          breakdown: true,
        })
        expect(broken.results).toEqual(expected.results)
        expect(broken.report.sweeps.every(({ taskSeconds }) => taskSeconds !== undefined)).toBe(true)
        expect(broken.leftBytes).toBe(0)
        expect(broken.leftFolders).toEqual([])
      }),
      { numRuns: 30 },
    )
    await original[Symbol.asyncDispose]()
  })
})

describe('a run that is cut', () => {
  it('has made the tokens of the whole run so far, and the engine goes on, for 15 random policies', async () => {
    const { model, original, weightsOf } = await openModel()
    const cut = fc.integer({ min: 1, max: 20 })
    await fc.assert(
      fc.asyncProperty(policies, cut, async (policy, tokens) => {
        const host = policy.hostAttentionPercent > 0 ? createReferenceBackend() : undefined
        await using bench = await openBench({
          backend: createReferenceBackend({ hostVisible: false }),
          host,
          model,
          weights: weightsOf(policy),
          policy,
        })
        await using engine = await bench.createEngine()
        const whole: GenerationEvent[] = []
        for await (const event of engine.generate(requests, options)) if (event.type === 'token') whole.push(event)
        const made: GenerationEvent[] = []
        for await (const event of engine.generate(requests, options)) {
          if (event.type === 'token') made.push(event)
          if (made.length === tokens) break
        }
        expect(made).toEqual(whole.slice(0, tokens))
        const again: GenerationEvent[] = []
        for await (const event of engine.generate(requests, options)) if (event.type === 'token') again.push(event)
        expect(again).toEqual(whole)
      }),
      { numRuns: 15 },
    )
    await original[Symbol.asyncDispose]()
  })
})

describe('sparsity 1.0', () => {
  it.each([false, true])('is dense attention wherever KV rests, 4-bit KV %s', async (compressCache) => {
    const { model, original } = await openModel()
    const rowsOf = async (policy: PolicyOptions): Promise<Float32Array[]> => {
      const rows: Float32Array[] = []
      const onLogits = (_sequence: number, _position: number, row: Float32Array): void => void rows.push(row.slice())
      const parts = { backend: createReferenceBackend(), model, weights: original, policy, pagePositions: 3 }
      await runEngine(parts, requests, { maxNewTokens: 6, ignoreEos: true, onLogits })
      return rows
    }
    expect(createPolicy({}).attentionSparsity).toBe(1)
    const dense = await rowsOf({ compressCache, gpuBatchSize: 5 })
    expect(dense).toHaveLength(5 * 6)
    const policy = { compressCache, gpuBatchSize: 5, percent: [0, 50, 20, 40, 0, 50] }
    expect(await rowsOf({ ...policy, attentionSparsity: 1 })).toEqual(dense)
    // Of at most twelve positions this leaves out one, so it is something else.
    expect(await rowsOf({ ...policy, attentionSparsity: 0.99 })).not.toEqual(dense)
    await original[Symbol.asyncDispose]()
  })
})
