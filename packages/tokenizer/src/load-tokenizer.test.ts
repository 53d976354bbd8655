import { type FileSystem, nodeFileSystem } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { loadTokenizer } from './load-tokenizer.ts'

const alphabet = ['a', 'b', 'c', 'z', 'Ġ', '<', '>', '/']

const vocabulary = (...more: string[]): Record<string, number> =>
  Object.fromEntries(['<s>', '<pad>', '</s>', '<unk>', ...alphabet, 'ab', ...more].map((token, id) => [token, id]))

const bpe = { type: 'BPE', vocab: vocabulary(), merges: ['a b'] }
const definition = {
  model: bpe,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
  decoder: { type: 'ByteLevel' },
}
const opt = { 'vocab.json': vocabulary(), 'merges.txt': '#version: 0.2\na b\n' }

type Files = Readonly<Record<string, unknown>>

const longToken = { id: 1, content: 'x'.repeat(2 ** 18 + 1) }
const splitAt = (regex: string): unknown => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated' })
const changed = (options: object): Files => ({ 'tokenizer.json': { ...definition, model: { ...bpe, ...options } } })
const deepStage = (levels: number): unknown =>
  levels === 0 ? definition.pre_tokenizer : { type: 'Sequence', pretokenizers: [deepStage(levels - 1)] }

/** A file system that has only these files; objects are stored as JSON. */
function filesOf(files: Files): FileSystem {
  const content = (path: string): unknown => files[path.slice(path.lastIndexOf('/') + 1)]
  return {
    ...nodeFileSystem,
    stat: async (path) => (content(path) === undefined ? undefined : { kind: 'file', sizeBytes: 1 }),
    readFile: async (path) => {
      const found = content(path)
      if (found instanceof Uint8Array) return found
      if (found instanceof Error) throw found
      return new TextEncoder().encode(typeof found === 'string' ? found : JSON.stringify(found))
    },
  }
}

const load = (files: Files) => loadTokenizer('/model', { fileSystem: filesOf(files) })

const idsOf = async (files: Files, text: string): Promise<string[]> => {
  const tokens = Object.keys(vocabulary('zz'))
  return (await load(files)).encode(text).map((id) => tokens[id] ?? String(id))
}

describe('loadTokenizer', () => {
  it('reads vocab.json and merges.txt alone, as OPT where there is </s>', async () => {
    expect(await idsOf(opt, 'cab ab')).toEqual(['</s>', 'c', 'ab', 'Ġ', 'ab'])
  })

  it('takes GPT-2 for GPT-2: nothing in front', async () => {
    const { '</s>': _, ...rest } = vocabulary('<|endoftext|>')
    expect(await idsOf({ ...opt, 'vocab.json': rest }, 'ab<|endoftext|>')).toEqual(['ab', 'zz'])
  })

  it('does as tokenizer_config.json says', async () => {
    const config = { add_bos_token: false, bos_token: '<s>', pad_token: { content: '<pad>' } }
    expect(await idsOf({ ...opt, 'tokenizer_config.json': config }, 'a<s><pad>')).toEqual(['a', '<s>', '<pad>'])
    expect(await idsOf({ ...opt, 'tokenizer_config.json': { ...config, add_bos_token: true } }, 'a')).toEqual([
      '<s>',
      'a',
    ])
    expect(await idsOf({ ...opt, 'tokenizer_config.json': { add_prefix_space: true } }, 'a')).toEqual(['Ġ', 'a'])
  })

  it('takes special tokens of special_tokens_map.json, and leaves them out of text', async () => {
    const map = { bos_token: '<s>', pad_token: '<pad>' }
    const tokenizer = await load({ ...opt, 'special_tokens_map.json': map })
    expect(tokenizer.encode('a')).toEqual([0, tokenizer.encode('a')[1]])
    expect(tokenizer.decode(tokenizer.encode('a<pad>b</s>'))).toBe('ab')
    expect(tokenizer.decode([3])).toBe('<unk>')
  })

  it('takes added tokens, special or not', async () => {
    const added = { 'added_tokens.json': { zz: 100 } }
    expect(await idsOf({ ...opt, ...added }, 'azzb')).toEqual(['</s>', 'a', '100', 'b'])
    expect((await load({ ...opt, ...added })).decode([100, 1000])).toBe('zz')
    expect((await load({ ...opt, ...added })).vocabularySize).toBe(101)
    const decoder = { added_tokens_decoder: { 50: { content: 'zz', special: true, rstrip: true } } }
    expect(await idsOf({ ...opt, 'tokenizer_config.json': decoder }, 'zz a')).toEqual(['50', 'a'])
    expect((await load({ ...opt, 'tokenizer_config.json': decoder })).decode([50])).toBe('')
  })

  it('prefers tokenizer.json', async () => {
    expect(await idsOf({ ...opt, 'tokenizer.json': definition }, 'ab')).toEqual(['ab'])
  })

  it('reads a tokenizer.json of the oldest form, without a type of its model', async () => {
    const { type: _, ...model } = bpe
    expect(await idsOf({ 'tokenizer.json': { ...definition, model } }, 'ab')).toEqual(['ab'])
  })

  it('takes the stages that byte-level BPEs have', async () => {
    const byteLevel = { ...definition.pre_tokenizer, use_regex: false, trim_offsets: true }
    const json = {
      ...definition,
      added_tokens: [{ id: 2, content: '</s>', special: true }],
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
      pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, splitAt(' ?[a-z]+'), byteLevel] },
      post_processor: {
        type: 'Sequence',
        processors: [{ type: 'ByteLevel' }, { type: 'RobertaProcessing', cls: ['<s>', 0], sep: ['</s>', 2] }],
      },
      model: { ...bpe, merges: [['a', 'b']], unk_token: '<unk>', ignore_merges: true, fuse_unk: false, dropout: null },
    }
    expect(await idsOf({ 'tokenizer.json': json }, 'AB c')).toEqual(['<s>', 'ab', 'Ġ', 'c', '</s>'])
  })

  it('takes __proto__ and other names of Object.prototype for tokens', async () => {
    const vocab = JSON.stringify({ ...vocabulary(), '[': 40, ']': 41 }).replace(
      '{',
      '{"__proto__":50,"constructor":51,',
    )
    const json = JSON.stringify({ ...definition, model: { ...bpe, vocab: 0 } }).replace('"vocab":0', `"vocab":${vocab}`)
    const tokenizer = await load({ 'tokenizer.json': json })
    expect(tokenizer.vocabularySize).toBe(52)
    expect(tokenizer.decode([50, 51])).toBe('__proto__constructor')
    expect(tokenizer.encode('ab')).toEqual([12])
    const config = { bos_token: '__proto__', eos_token: 'constructor', unk_token: 'toString' }
    const bpeFiles = await load({
      ...opt,
      'vocab.json': vocab,
      'tokenizer_config.json': { ...config, add_bos_token: true },
    })
    expect(bpeFiles.encode('ab')).toEqual([50, 12])
    const missing = load({ ...opt, 'tokenizer_config.json': { ...config, add_bos_token: true } })
    await expect(missing).rejects.toMatchObject({ code: 'CORRUPT_DATA' })
  })

  it('says what is missing and what was looked for', async () => {
    await expect(load({})).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message:
        '/model has no tokenizer: looked for tokenizer.json, or vocab.json and merges.txt (no vocab.json, no merges.txt)',
    })
    await expect(load({ 'vocab.json': vocabulary() })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('(no merges.txt)') as string,
    })
    await expect(loadTokenizer('/there/is/nothing')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  it.each<[string, Files]>([
    ['tokenizer.json is not JSON', { 'tokenizer.json': '{"model": ' }],
    ['tokenizer.json does not hold a JSON object', { 'tokenizer.json': '[]' }],
    ['tokenizer.json is not UTF-8', { 'tokenizer.json': Uint8Array.of(0xff, 0xfe) }],
    ['tokenizer.json has no model', { 'tokenizer.json': { ...definition, model: null } }],
    ['no vocabulary', { 'tokenizer.json': { ...definition, model: { ...bpe, vocab: { a: -1 } } } }],
    ['no vocabulary', { 'tokenizer.json': { ...definition, model: { ...bpe, vocab: { a: 1e9 } } } }],
    ['no list of merges', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: 'a b' } } }],
    ['the merge a list, not two parts', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: [['a']] } } }],
    ['the merge "a b c"', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: ['a b', 'a b c'] } } }],
    ['the merge an object', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: [{ toString: 1 }] } } }],
    ['merges "q", which', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: ['a b', 'q a'] } } }],
    ['merges "bc", which', { 'tokenizer.json': { ...definition, model: { ...bpe, merges: ['a b', ['b', 'c']] } } }],
    ['merges "constructor"', { ...opt, 'merges.txt': 'a constructor' }],
    ['the unk_token "q"', { 'tokenizer.json': { ...definition, model: { ...bpe, unk_token: 'q' } } }],
    ['the unk_token a list', { 'tokenizer.json': { ...definition, model: { ...bpe, unk_token: ['a'] } } }],
    ['pre_tokenizer that is no object', { 'tokenizer.json': { ...definition, pre_tokenizer: 'ByteLevel' } }],
    ['without processors', { 'tokenizer.json': { ...definition, post_processor: { type: 'Sequence' } } }],
    ['more than 64 stages', { 'tokenizer.json': { ...definition, pre_tokenizer: deepStage(64) } }],
    ['added_tokens that are no list', { 'tokenizer.json': { ...definition, added_tokens: {} } }],
    ['more than 262144 characters', { 'tokenizer.json': { ...definition, added_tokens: [longToken] } }],
    ['the bos_token 7', { ...opt, 'tokenizer_config.json': { bos_token: 7 } }],
    ['the pad_token an object', { ...opt, 'special_tokens_map.json': { pad_token: {} } }],
    ['more than 4000000 values', { 'tokenizer.json': `{"a":[${'{},'.repeat(2_000_001)}0]}` }],
    ['added_tokens', { 'tokenizer.json': { ...definition, added_tokens: [{ content: 'x' }] } }],
    ['added_tokens', { 'tokenizer.json': { ...definition, added_tokens: [{ content: '', id: 1 }] } }],
    ['added_tokens', { ...opt, 'added_tokens.json': { zz: 'high' } }],
    ['vocab.json', { ...opt, 'vocab.json': { a: 'zero' } }],
    ['has the line "a b c"', { ...opt, 'merges.txt': '#version: 0.2\na b c\n' }],
    ['has no "[x]"', { ...opt, 'tokenizer_config.json': { bos_token: '[x]', add_bos_token: true } }],
  ])('calls it damaged: %s', async (message, files) => {
    await expect(load(files)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining(message) as string,
    })
  })

  it.each<[string, Files]>([
    ['model of type "Unigram"', { 'tokenizer.json': { ...definition, model: { type: 'Unigram', vocab: [] } } }],
    ['model of type "none"', { 'tokenizer.json': { ...definition, model: {} } }],
    ['decoder of type "Metaspace"', { 'tokenizer.json': { ...definition, decoder: { type: 'Metaspace' } } }],
    ['decoder of type "none"', { 'tokenizer.json': { ...definition, decoder: null } }],
    ['pre_tokenizer of type "New"', { 'tokenizer.json': { ...definition, pre_tokenizer: { type: 'New' } } }],
    ['pre_tokenizer of type "toString"', { 'tokenizer.json': { ...definition, pre_tokenizer: { type: 'toString' } } }],
    ['pre_tokenizer of type a list', { 'tokenizer.json': { ...definition, pre_tokenizer: { type: [] } } }],
    ['cannot be used: "Invalid regular', { 'tokenizer.json': { ...definition, pre_tokenizer: splitAt('(') } }],
    ['which is not supported', { 'tokenizer.json': { ...definition, pre_tokenizer: splitAt('(a+)+') } }],
    ['with continuing_subword_prefix', changed({ continuing_subword_prefix: '##' })],
    ['with end_of_word_suffix', changed({ end_of_word_suffix: '</w>' })],
    ['with byte_fallback', changed({ byte_fallback: true })],
    ['with dropout', changed({ dropout: 0.1 })],
    [
      'single_word',
      { 'tokenizer.json': { ...definition, added_tokens: [{ id: 1, content: 'x', single_word: true }] } },
    ],
    ['SentencePiece', { 'tokenizer.model': 'x' }],
  ])('says what is not supported: %s', async (message, files) => {
    await expect(load(files)).rejects.toMatchObject({
      code: 'UNSUPPORTED_DATA',
      message: expect.stringContaining(message) as string,
    })
  })

  it('does not read a file that is too large', async () => {
    const fileSystem: FileSystem = {
      ...filesOf(opt),
      stat: async () => ({ kind: 'file', sizeBytes: 2 ** 40 }),
      readFile: () => expect.fail('the file was read'),
    }
    await expect(loadTokenizer('/model', { fileSystem })).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('1099511627776 bytes') as string,
    })
  })

  it('passes on what the file system says', async () => {
    const broken = Object.assign(new Error('i/o error'), { code: 'EIO' })
    await expect(load({ 'tokenizer.json': broken })).rejects.toMatchObject({ code: 'READ_FAILED', cause: broken })
  })
})
