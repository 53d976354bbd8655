import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import type { GenerateOptions, GenerationResult, PolicyOptions, Workload } from '../src/index.ts'
import { openBench, openFixture } from './support/bench.ts'
import { fiveRequests } from './support/five-requests.ts'

const maxNewTokens = 4
const vocabularyBytes = 128 * 4

/** A device whose ids the host has to find. */
function withoutArgMax(): Backend {
  const backend = createReferenceBackend({ hostVisible: false })
  const operators = new Set(backend.capabilities.operators)
  operators.delete('ArgMax')
  return { ...backend, capabilities: { ...backend.capabilities, operators } }
}

interface Run {
  readonly results: readonly GenerationResult[]
  /** Bytes of every copy from the device on the queue of its kernels: what the head gave. */
  readonly fetched: readonly number[]
  readonly ramLogitBytes: number
}

async function run(
  options: Partial<GenerateOptions> = {},
  parts: { readonly backend?: Backend; readonly policy?: PolicyOptions; readonly workload?: Workload } = {},
): Promise<Run> {
  await using opened = await openFixture()
  const { model, weights } = opened
  const { backend = createReferenceBackend({ hostVisible: false }), policy = { gpuBatchSize: 5 }, workload } = parts
  const fetched: number[] = []
  const trace = {
    span: ({ queue, label, sizeBytes }: { queue: string; label: string; sizeBytes: number }) => {
      if (queue === 'compute' && label === 'copyOut') fetched.push(sizeBytes)
    },
  }
  await using bench = await openBench({ backend, model, weights, policy, trace, workload, pagePositions: 4 })
  await using engine = await bench.createEngine()
  const results = await engine.generateAll(fiveRequests, { maxNewTokens, ignoreEos: true, ...options })
  return { results, fetched, ramLogitBytes: engine.plan.ram.logits }
}

const repeated = (bytes: number, count = maxNewTokens): number[] => Array.from({ length: count }, () => bytes)
const idsOf = ({ results }: Run): (readonly number[])[] => results.map(({ ids }) => ids)

describe('greedy ids of a device with memory of its own', () => {
  it('are chosen there: four bytes a row are fetched, and no token changes', async () => {
    const onHost = await run({}, { backend: createReferenceBackend() })
    const onDevice = await run()
    expect(idsOf(onDevice)).toEqual(idsOf(onHost))
    expect(onHost.fetched).toEqual([])
    expect(onDevice.fetched).toEqual(repeated(5 * 4))
    expect(onDevice.ramLogitBytes).toBe(5 * (vocabularyBytes + 4))
  })

  it('of several batches are those of one', async () => {
    const whole = await run()
    const batches = { gpuBatchSize: 2, numGpuBatches: 3 }
    for (const percent of [
      [100, 0, 100, 0, 100, 0],
      [30, 40, 20, 40, 50, 0],
    ]) {
      const apart = await run({}, { policy: { ...batches, percent } })
      expect(idsOf(apart)).toEqual(idsOf(whole))
      expect(apart.fetched.reduce((sum, bytes) => sum + bytes, 0)).toBe(maxNewTokens * 5 * 4)
    }
  })

  it('of all positions are those of the last', async () => {
    const workload = { sequences: 5, maxPromptTokens: 4, maxNewTokens, logits: 'all' } as const
    const all = await run({}, { workload })
    expect(idsOf(all)).toEqual(idsOf(await run()))
    expect(all.fetched).toEqual([5 * 4 * 4, ...repeated(5 * 4, maxNewTokens - 1)])
  })

  it('are the host’s where the device has no ArgMax', async () => {
    const without = await run({}, { backend: withoutArgMax() })
    expect(idsOf(without)).toEqual(idsOf(await run()))
    expect(without.fetched).toEqual(repeated(5 * vocabularyBytes))
    expect(without.ramLogitBytes).toBe(5 * vocabularyBytes)
  })

  it.each([
    ['sampling', { sampling: { temperature: 1, topK: 0, topP: 1 }, seed: 3 }],
    ['log-probabilities', { logProbs: 'new' }],
    ['whoever looks at logits', { onLogits: () => {} }],
  ] as const)('give way to logits for %s', async (_what, options) => {
    const onDevice = await run(options)
    expect(onDevice.fetched).toEqual(repeated(5 * vocabularyBytes))
    expect(onDevice.results).toEqual((await run(options, { backend: createReferenceBackend() })).results)
  })
})
