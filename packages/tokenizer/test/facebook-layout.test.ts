import { type FixtureName, loadFixture } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { loadTokenizer } from '../src/index.ts'

const names: FixtureName[] = ['facebook-bin', 'facebook-bin-sharded']

describe.each(names)('the tokenizer in the files of a facebook/opt repository: %s', (name) => {
  const { folder, prompts, vocabularySize } = loadFixture(name)

  it('gives the prompts of transformers and the text of what the model writes', async () => {
    const tokenizer = await loadTokenizer(folder)
    expect(prompts.map(({ text }) => tokenizer.encode(text!))).toEqual(prompts.map(({ promptIds }) => promptIds))
    expect(prompts.map(({ ids }) => tokenizer.decode(ids))).toEqual(prompts.map(({ newText }) => newText))
    // As in OPT, the model has a few rows more than there are tokens.
    expect(tokenizer.vocabularySize).toBe(vocabularySize - 7)
  })

  it('streams that text', async () => {
    const tokenizer = await loadTokenizer(folder)
    for (const { ids, newText } of prompts) {
      const stream = tokenizer.stream()
      expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(newText)
    }
  })
})
