import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type CreateEngineOptions, type FlexgenEngine } from '../src/index.ts'
import { createEnginePlace, type EnginePlace } from './engine-place.ts'

let place: EnginePlace
beforeEach(() => void (place = createEnginePlace()))
afterEach(() => place[Symbol.asyncDispose]())

const create = (options: CreateEngineOptions = {}): Promise<FlexgenEngine> =>
  createEngine({ backend: place.backend, offloadDir: place.offloadDir, ...options })

const spread = { policy: { percent: [20, 30, 30, 20, 0, 50], gpuBatchSize: 2, numGpuBatches: 2 }, pagePositions: 4 }
const texts = ['The state of the Union is strong.', 'strong. is Union the of state The', 'My']

describe('score', () => {
  it('gives log-probabilities that are those of generating the same ids, whatever the placement', async () => {
    await using engine = await create({ scores: true })
    const [generated] = await engine.generateAll('My fellow citizens', { maxNewTokens: 9, logProbs: 'all' })
    const { promptIds, ids, promptLogProbs, logProbs } = generated!
    const [score] = await engine.score([[...promptIds, ...ids]])
    const expected = [...promptLogProbs!, ...logProbs!]
    expect(score!.promptLogProbs).toHaveLength(expected.length)
    score!.promptLogProbs.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
    expect(score!.logProbSum).toBeCloseTo(
      expected.reduce((sum, value) => sum + value, 0),
      3,
    )
    await using elsewhere = await create({ ...spread, scores: true })
    expect(await elsewhere.score([[...promptIds, ...ids]])).toEqual([score])
  })

  it('finds a sentence likelier than its words in disorder, and generates nothing', async () => {
    await using engine = await create({ scores: true })
    const scores = await engine.score(texts.map((prompt) => ({ prompt, maxNewTokens: 40 })))
    expect(scores.map(({ prompt }) => prompt)).toEqual(texts)
    expect(scores[0]!.perplexity!).toBeLessThan(scores[1]!.perplexity! / 2)
    expect(engine.report()).toMatchObject({ sequences: 3, newTokens: 0 })
    expect(await engine.score(texts[0]!)).toEqual([scores[0]])
  })

  it('needs an engine that was made for it, and prompts that are some', async () => {
    await using engine = await create()
    await expect(engine.score('My')).rejects.toMatchObject({ code: 'USAGE' })
    await using scoring = await create({ scores: true })
    await expect(scoring.score([[]])).rejects.toMatchObject({ code: 'PROMPT_EMPTY' })
    await expect(scoring.score([7 as never])).rejects.toMatchObject({ code: 'USAGE' })
    await expect(scoring.score('My', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
