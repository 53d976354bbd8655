import { expect, it } from 'vitest'
import { scoreOf, withoutNewTokens } from './score.ts'

const result = { sequence: 3, ids: [], finishReason: 'length' } as const

it('sums log-probabilities, and gives the perplexity of their mean', () => {
  const promptLogProbs = [-1, -2, -3]
  expect(scoreOf({ ...result, prompt: 'a', promptIds: [5, 6, 7, 8], promptLogProbs })).toEqual({
    sequence: 3,
    prompt: 'a',
    promptIds: [5, 6, 7, 8],
    promptLogProbs,
    logProbSum: -6,
    perplexity: Math.exp(2),
  })
})

it('asks for no new tokens, whatever a prompt says', () => {
  expect(withoutNewTokens('a')).toEqual(['a'])
  expect(withoutNewTokens(['a', [5], { prompt: 'b', maxNewTokens: 9 }])).toEqual([
    'a',
    [5],
    { prompt: 'b', maxNewTokens: 0 },
  ])
})

it('knows no perplexity of a single id', () => {
  expect(scoreOf({ ...result, promptIds: [5], promptLogProbs: [] })).toEqual({
    sequence: 3,
    promptIds: [5],
    promptLogProbs: [],
    logProbSum: 0,
  })
})
