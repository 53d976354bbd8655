import { loadFixture } from '@flexgen/opt-fixtures'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type CreateEngineOptions, type FlexgenEngine, openModel, type TextResult } from '../src/index.ts'
import { createEnginePlace, type EnginePlace, nothing } from './engine-place.ts'

let place: EnginePlace
beforeEach(() => void (place = createEnginePlace()))
afterEach(() => place[Symbol.asyncDispose]())

const create = (options: CreateEngineOptions = {}): Promise<FlexgenEngine> =>
  createEngine({ backend: place.backend, offloadDir: place.offloadDir, ...options })

/** Everything lies partly on each tier, and KV reaches the disk after 16 positions. */
const spread = { policy: { percent: [20, 30, 30, 20, 0, 50], gpuBatchSize: 2, numGpuBatches: 2 }, pagePositions: 16 }
const prompts = ['Fellow citizens of the Senate', [2, 48, 92], 'The state of the Union is strong. Ünïcödé 👍🏽']

describe('generate', () => {
  it('streams texts that together are the decoded ids, whatever the placement', async () => {
    const runs: TextResult[][] = []
    for (const options of [{}, spread]) {
      await using engine = await create(options)
      const streamed = prompts.map(() => '')
      const ids: number[][] = prompts.map(() => [])
      const results: TextResult[] = []
      for await (const event of engine.generate(prompts, { maxNewTokens: 24, ignoreEos: true, temperature: 1.5 })) {
        if (event.type === 'token') {
          expect(event.position).toBe(ids[event.sequence]!.length)
          ids[event.sequence]!.push(event.id)
          streamed[event.sequence]! += event.text
        } else if (event.type === 'result') {
          streamed[event.result.sequence]! += event.text
          results.push(event.result)
        }
      }
      expect(results.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
      expect(results.map((result) => result.ids)).toEqual(ids)
      expect(results.map(({ text }) => text)).toEqual(streamed)
      expect(results.map(({ text }) => text)).toEqual(ids.map((each) => engine.tokenizer!.decode(each)))
      expect(results.map(({ prompt }) => prompt)).toEqual([prompts[0], undefined, prompts[2]])
      runs.push(results)
    }
    expect(runs[1]).toEqual(runs[0])
  })

  it('cuts at a stop text', async () => {
    await using engine = await create()
    const [whole] = await engine.generateAll('My fellow citizens', { maxNewTokens: 30 })
    const stop = whole!.text!.slice(12, 17)
    const [cut] = await engine.generateAll('My fellow citizens', { maxNewTokens: 30, stop })
    expect(cut).toMatchObject({ finishReason: 'stop', text: whole!.text!.slice(0, whole!.text!.indexOf(stop)) })
    expect(cut!.ids).toEqual(whole!.ids.slice(0, cut!.ids.length))
  })

  it('can be left early and asked again, and reports each call', async () => {
    await using engine = await create(spread)
    for await (const event of engine.generate(prompts, { maxNewTokens: 20 })) if (event.type === 'token') break
    const [result] = await engine.generateAll('My', { maxNewTokens: 3 })
    expect(result!.ids).toHaveLength(3)
    expect(engine.report()).toMatchObject({ model: 'demo', backend: 'reference', sequences: 1, newTokens: 3 })
  })

  it('stops at the signal, and what had finished has been handed out', async () => {
    await using engine = await create(spread)
    const controller = new AbortController()
    const short = { prompt: 'My', maxNewTokens: 1 }
    const finished: number[] = []
    const run = async (): Promise<void> => {
      const events = engine.generate([short, 'Your'], { maxNewTokens: 500, signal: controller.signal, ignoreEos: true })
      for await (const event of events) {
        if (event.type !== 'result') continue
        finished.push(event.result.sequence)
        controller.abort()
      }
    }
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' })
    expect(finished).toEqual([0])
  })

  it('gives rows of logits whose largest is the greedy id', async () => {
    await using engine = await create()
    const largest: number[] = []
    const [result] = await engine.generateAll('My fellow', {
      maxNewTokens: 4,
      logits: 'last',
      onLogits: (_sequence, _position, row) => largest.push(row.indexOf(Math.max(...row))),
    })
    expect(largest).toEqual(result!.ids)
  })

  it.each<[string, Parameters<FlexgenEngine['generate']>, string]>([
    ['an empty list of ids', [[[]]], 'PROMPT_EMPTY'],
    ['an id outside', [[[4096]]], 'ID_OUT_OF_VOCABULARY'],
    ['too many tokens', ['x', { maxNewTokens: 2000 }], 'PROMPT_TOO_LONG'],
    ['an empty stop text', ['x', { stop: '' }], 'USAGE'],
    ['a negative temperature', ['x', { temperature: -1 }], 'USAGE'],
  ])('refuses %s before anything runs', async (_, [given, options], code) => {
    await using engine = await create()
    await expect(engine.generateAll(given, options)).rejects.toMatchObject({ code })
  })
})

describe('an engine', () => {
  it('leaves nothing after dispose, and a backend that was given goes on', async () => {
    const engine = await create(spread)
    await engine.generateAll(prompts, { maxNewTokens: 20 })
    expect(place.left().bytes).toBeGreaterThan(0)
    expect(place.left().folders).toHaveLength(1)
    await engine[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    expect(place.left()).toEqual(nothing)
    await using again = await create()
    expect((await again.generateAll('My', { maxNewTokens: 1 }))[0]!.ids).toHaveLength(1)
  })

  it('uses a model that was opened before, and leaves it open', async () => {
    await using opened = await openModel({ model: loadFixture('facebook-bin').folder })
    for (const percent of [
      [100, 0, 100, 0, 100, 0],
      [0, 0, 0, 0, 0, 0],
    ]) {
      await using engine = await create({ model: opened, policy: { percent } })
      expect((await engine.generateAll([[5, 6]], { maxNewTokens: 2 }))[0]!.ids).toHaveLength(2)
    }
  })

  it('reports the KV that stayed in RAM for want of a full page', async () => {
    for (const [pagePositions, count] of [
      [64, 1],
      [4, 0],
    ] as const) {
      await using engine = await create({ policy: { percent: [100, 0, 0, 0, 100, 0] }, pagePositions })
      await engine.generateAll([[5, 6, 7]], { maxNewTokens: 6, ignoreEos: true })
      expect(engine.report().notices).toHaveLength(count)
      expect(engine.report().sweeps.at(-1)!.diskBytesRead.cache > 0).toBe(count === 0)
    }
  })
})

const someWork = { sequences: 1, maxPromptTokens: 4, maxNewTokens: 4 }
const keysOnDisk = { percent: [0, 0, 0, 0, 0, 100] }
/** Keys and values of a thousand sequences: 19 TB. */
const hugeWork = { sequences: 1000, maxPromptTokens: 2000, maxNewTokens: 48 }

describe('creation that fails leaves nothing', () => {
  it.each<[string, CreateEngineOptions, string]>([
    ['no such model', { model: '/nowhere' }, 'MODEL_NOT_FOUND'],
    ['no such backend', { backend: 'none' }, 'USAGE'],
    ['a dtype that the backend lacks', { dtype: 'bfloat16' }, 'USAGE'],
    ['a size that is none', { maxRam: 'much' }, 'USAGE'],
    ['percents that are none', { policy: { percent: [1, 2] } }, 'USAGE'],
    ['too little RAM', { maxRam: '1MB' }, 'INFEASIBLE'],
    ['too little device memory', { maxDeviceMemory: '1MB' }, 'INFEASIBLE'],
    [
      'too little scratch',
      { policy: { percent: [0, 0, 0, 0, 0, 0] }, maxDisk: '1kB', workload: someWork },
      'INFEASIBLE',
    ],
    [
      'more scratch than any disk has',
      { model: 'opt-175b', path: '_DUMMY_', policy: { ...keysOnDisk, gpuBatchSize: 1000 }, workload: hugeWork },
      'OUT_OF_DISK',
    ],
    ['no place for scratch', { policy: { percent: [0, 0, 0, 0, 0, 0] }, offloadDir: '/dev/null/x' }, 'NOT_WRITABLE'],
  ])('%s', async (_, options, code) => {
    await expect(create(options)).rejects.toMatchObject({ code })
    expect(place.left()).toEqual(nothing)
  })

  it('an abort half way through the weights', async () => {
    const controller = new AbortController()
    let loadedBytes = 0
    const creation = create({
      ...spread,
      signal: controller.signal,
      onProgress: ({ doneBytes }) => {
        loadedBytes = doneBytes
        controller.abort()
      },
    })
    await expect(creation).rejects.toMatchObject({ code: 'ABORTED' })
    expect(loadedBytes).toBeGreaterThan(0)
    expect(place.left()).toEqual(nothing)
  })
})
