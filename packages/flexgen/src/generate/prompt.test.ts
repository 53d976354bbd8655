import { NotFoundError, type Tokenizer } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { encodePrompts, type Prompt, workloadOf } from './prompt.ts'

const model = { name: 'tiny', vocabularySize: 100, maxPositions: 16 }
const tokenizer: Tokenizer = {
  specificationVersion: 'v1',
  vocabularySize: 100,
  encode: (text) => [2, ...Array.from(text, () => 7)],
  decode: () => '',
  stream: () => ({ push: () => '', end: () => '' }),
}
const encode = (prompts: string | readonly Prompt[], maxNewTokens = 4) =>
  encodePrompts(prompts, { model, tokenizer, maxNewTokens })

describe('encodePrompts', () => {
  it('takes a text, ids, and objects with their own limit', () => {
    expect(encode('ab')).toEqual([{ prompt: 'ab', promptIds: [2, 7, 7], maxNewTokens: 4 }])
    expect(encode([[5, 6], '', { prompt: 'a', maxNewTokens: 9 }, { promptIds: [1] }])).toEqual([
      { promptIds: [5, 6], maxNewTokens: 4 },
      { prompt: '', promptIds: [2], maxNewTokens: 4 },
      { prompt: 'a', promptIds: [2, 7], maxNewTokens: 9 },
      { promptIds: [1], maxNewTokens: 4 },
    ])
  })

  it('takes what it gave, without encoding again', () => {
    const encoded = encode(['ab', [5, 6]])
    expect(encodePrompts(encoded, { model, maxNewTokens: 1 })).toEqual(encoded)
  })

  it('calls a prompt by its label', () => {
    expect(() => encode([{ promptIds: [], label: 'lines.jsonl line 3' }])).toThrow('lines.jsonl line 3 has no token id')
  })

  it('says what prompts need at most', () => {
    const workload = { sequences: 2, maxPromptTokens: 3, maxNewTokens: 9 }
    expect(workloadOf(encode(['ab', { promptIds: [1], maxNewTokens: 9 }]))).toEqual(workload)
  })

  it('has room for exactly the positions of the model', () => {
    const ids = Array.from({ length: 12 }, () => 1)
    expect(encode([ids])).toHaveLength(1)
    expect(() => encode([[...ids, 1]])).toThrow(expect.objectContaining({ code: 'PROMPT_TOO_LONG' }))
  })

  it.each<[string, Prompt[], string]>([
    ['no id', [[1], []], 'PROMPT_EMPTY'],
    ['an id outside', [[1], [99, 100]], 'ID_OUT_OF_VOCABULARY'],
    ['a negative id', [[1], [-1]], 'ID_OUT_OF_VOCABULARY'],
    ['half an id', [[1], [1.5]], 'ID_OUT_OF_VOCABULARY'],
    ['no new token', [[1], { promptIds: [1], maxNewTokens: 0 }], 'USAGE'],
    ['ids that are none', [[1], { prompt: 'a', promptIds: 7 as unknown as number[] }], 'USAGE'],
    ['null', [[1], null as unknown as Prompt], 'USAGE'],
    ['neither', [[1], {}], 'USAGE'],
    ['a bare number', [[1], 5 as unknown as Prompt], 'USAGE'],
    ['a text that is none', [[1], { prompt: 5 as unknown as string }], 'USAGE'],
  ])('refuses %s and names the prompt', (_, prompts, code) => {
    expect(() => encode(prompts)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('prompt 2') }),
    )
  })

  it('refuses text without a tokenizer', () => {
    expect(() => encodePrompts('a', { model, maxNewTokens: 1 })).toThrow('tiny has no tokenizer')
    const tokenizerProblem = new NotFoundError('FILE_NOT_FOUND', 'no vocab.json')
    expect(() => encodePrompts('a', { model, tokenizerProblem, maxNewTokens: 1 })).toThrow(tokenizerProblem)
  })
})
