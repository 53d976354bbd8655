import { createReferenceBackend } from '@flexgen/backend-reference'
import { describe, expect, it } from 'vitest'
import type { GenerationEvent } from '../src/index.ts'
import { openBench, openFixture } from './support/bench.ts'

const requests = [{ promptIds: [2, 5, 9], maxNewTokens: 4 }, { promptIds: [7, 4, 8, 1] }, { promptIds: [3, 4] }]

async function eventsOf(resultOrder: 'request' | 'finish'): Promise<GenerationEvent[]> {
  await using opened = await openFixture()
  const { model, weights } = opened
  const policy = { gpuBatchSize: 1, numGpuBatches: 2 }
  await using bench = await openBench({ backend: createReferenceBackend(), model, weights, policy })
  await using engine = await bench.createEngine()
  const events: GenerationEvent[] = []
  for await (const event of engine.generate(requests, { maxNewTokens: 2, ignoreEos: true, resultOrder }))
    events.push(event)
  return events
}

function resultsOf(events: readonly GenerationEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'result' ? [event.result.sequence] : []))
}

describe('the events of a run', () => {
  it('tell after every sweep how far it has come', async () => {
    const events = await eventsOf('request')
    const progress = events.flatMap((event) => (event.type === 'sweep' ? [event.progress] : []))
    // The two longest prompts are the first block: 4 and 2 new tokens; the last one takes the place of the second.
    expect(progress.map(({ newTokens }) => newTokens)).toEqual([2, 4, 5, 6, 8])
    expect(progress.map(({ finishedSequences }) => finishedSequences)).toEqual([0, 1, 1, 1, 3])
    for (const { sequences, maxNewTokens } of progress) expect([sequences, maxNewTokens]).toEqual([3, 8])
  })

  it('bring results in the order of the requests, or as sequences finish', async () => {
    expect(resultsOf(await eventsOf('request'))).toEqual([0, 1, 2])
    expect(resultsOf(await eventsOf('finish'))).toEqual([1, 2, 0])
  })
})
