import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend, Queue, QueueEvent } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'
import { fiveRequests } from './support/five-requests.ts'

/** What the queue that brings weights to a device is given in decode steps: copies, and waits for KV that is to come before. */
async function givenInDecode(batches: number): Promise<{ given: readonly ('copy' | 'wait')[]; layerUnits: number }> {
  await using opened = await openFixture()
  const { model, weights } = opened
  const given: ('copy' | 'wait')[] = []
  const ofCache = new WeakSet<QueueEvent>()
  const plain = createReferenceBackend({ hostVisible: false })
  const watched = (queue: Queue): Queue => {
    const { copyIn, copyToCache, wait } = queue
    if (queue.name === 'load weights') {
      queue.copyIn = (...spans) => {
        given.push('copy')
        return copyIn.apply(queue, spans)
      }
      queue.wait = (event) => {
        if (ofCache.has(event)) given.push('wait')
        wait.call(queue, event)
      }
    }
    queue.copyToCache = (...ranges) => {
      const event = copyToCache.apply(queue, ranges)
      ofCache.add(event)
      return event
    }
    return queue
  }
  const backend: Backend = { ...plain, createQueue: (name, sink) => watched(plain.createQueue(name, sink)) }
  const percent = [0, 100, 0, 100, 0, 100] as const
  const policy = {
    gpuBatchSize: Math.ceil(fiveRequests.length / batches),
    numGpuBatches: batches,
    percent,
    sepLayer: false,
  }
  await using bench = await openBench({ backend, model, weights, policy, pagePositions: 4 })
  await using engine = await bench.createEngine()
  let prefill: number | undefined
  for await (const event of engine.generate(fiveRequests, { maxNewTokens: 4, ignoreEos: true }))
    if (event.type === 'sweep') prefill ??= given.length
  const block = model.layers.filter((layer) => layer.block === 0)
  return { given: given.slice(prefill), layerUnits: block.flatMap((layer) => layer.weights).length }
}

describe('weights that stream beside KV', () => {
  it('come in shares behind the KV of the next batch, so that no batch waits for a whole layer', async () => {
    const { given, layerUnits } = await givenInDecode(5)
    const shares = given
      .join(' ')
      .split('wait')
      .map((copies) => copies.split('copy').length - 1)
    expect(layerUnits).toBe(12)
    expect(given.filter((what) => what === 'wait').length).toBeGreaterThan(3 * 4)
    expect(Math.max(...shares)).toBeLessThan(layerUnits)
  })
})
