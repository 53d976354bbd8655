import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend, Queue } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'
import { fiveRequests } from './support/five-requests.ts'

/** Most kernels that an engine hands over in one turn of the event loop, where so much time passes between two looks at the clock. */
async function runsInOneTurn(stepMs: number): Promise<{ most: number; ids: (readonly number[])[] }> {
  await using opened = await openFixture()
  const { model, weights } = opened
  let [runs, most] = [0, 0]
  const plain = createReferenceBackend()
  const backend: Backend = { ...plain, createQueue: (name, sink) => counting(plain.createQueue(name, sink)) }
  const counting = (queue: Queue): Queue => {
    const run = queue.run.bind(queue)
    return Object.assign(queue, {
      run: (...given: Parameters<Queue['run']>) => {
        most = Math.max(most, ++runs)
        return run(...given)
      },
    })
  }
  let nowMs = 0
  const clock = { now: () => (nowMs += stepMs), sleep: () => Promise.resolve() }
  const policy = { gpuBatchSize: 2, numGpuBatches: 3, percent: [50, 20, 50, 0, 100, 0] } as const
  await using bench = await openBench({ backend, model, weights, policy, clock, pagePositions: 4 })
  await using engine = await bench.createEngine()
  let isOver = false
  const turn = (): void => {
    runs = 0
    if (!isOver) setImmediate(turn)
  }
  turn()
  const results = await engine.generateAll(fiveRequests, { maxNewTokens: 3, ignoreEos: true })
  isOver = true
  return { most, ids: results.map(({ ids }) => ids) }
}

describe('turns of the event loop', () => {
  it('come between steps that take long, and change no token', async () => {
    const quick = await runsInOneTurn(0)
    const slow = await runsInOneTurn(2)
    expect(slow.ids).toEqual(quick.ids)
    // A layer of three batches and more at once where no time passes; a batch of a layer at a time where much does.
    expect(quick.most).toBeGreaterThan(6)
    expect(slow.most).toBeLessThanOrEqual(2)
  })
})
