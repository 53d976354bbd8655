import { createReferenceBackend } from '@flexgen/backend-reference'
import { describe, expect, it } from 'vitest'
import type { PolicyOptions } from '../src/index.ts'
import { openBench, openFixture } from './support/bench.ts'
import { fiveRequests } from './support/five-requests.ts'

interface Run {
  readonly ids: readonly (readonly number[])[]
  /** Kernel runs of the prompts, and of each further token. */
  readonly prefillRuns: number
  readonly decodeRuns: number
  readonly layers: number
}

const newTokens = 3

async function run(policy: PolicyOptions, hostVisible = true): Promise<Run> {
  await using opened = await openFixture()
  const { model, weights } = opened
  let runs = 0
  const trace = { span: ({ queue }: { queue: string }) => void (runs += queue === 'compute' ? 1 : 0) }
  const backend = createReferenceBackend({ hostVisible })
  await using bench = await openBench({ backend, model, weights, policy, trace, pagePositions: 4 })
  await using engine = await bench.createEngine()
  const sweeps: number[] = []
  const ids: (readonly number[])[] = []
  for await (const event of engine.generate(fiveRequests, { maxNewTokens: newTokens, ignoreEos: true })) {
    if (event.type === 'sweep') sweeps.push(runs)
    if (event.type === 'result') ids.push(event.result.ids)
  }
  return { ids, prefillRuns: sweeps[0]!, decodeRuns: (sweeps[2]! - sweeps[0]!) / 2, layers: model.layers.length }
}

const batches = { gpuBatchSize: 2, numGpuBatches: 3 }

describe('batches of which nothing moves', () => {
  it('decode together, and no token changes', async () => {
    const whole = await run({ gpuBatchSize: 5 })
    const merged = await run({ ...batches, percent: [50, 20, 60, 40, 50, 50] })
    expect(merged.ids).toEqual(whole.ids)
    expect(whole.prefillRuns).toBe(whole.layers)
    expect([merged.prefillRuns, merged.decodeRuns]).toEqual([3 * merged.layers, merged.layers])
  })

  it.each([
    ['KV on disk', { percent: [50, 20, 50, 0, 100, 0] }, true],
    ['hidden states on disk', { percent: [50, 20, 100, 0, 50, 0] }, true],
    ['KV in RAM beside a device with memory of its own', { percent: [50, 50, 50, 50, 100, 0] }, false],
  ] as const)('stay apart with %s', async (_what, placement, hostVisible) => {
    const apart = await run({ ...batches, ...placement }, hostVisible)
    expect(apart.ids).toEqual((await run({ gpuBatchSize: 5 })).ids)
    // Copies of inputs and logits of a device with memory of its own run on the queue of its kernels, too.
    const copies = hostVisible ? 0 : 3 * 4
    expect(apart.decodeRuns).toBe(3 * apart.layers + copies)
  })

  it('decode together where all of their KV is on a device with memory of its own', async () => {
    const merged = await run({ ...batches, percent: [50, 50, 100, 0, 100, 0] }, false)
    expect(merged.ids).toEqual((await run({ gpuBatchSize: 5 })).ids)
    expect(merged.decodeRuns).toBe(merged.layers + 4)
  })
})
