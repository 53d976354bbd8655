import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  applyByteEdits,
  byteEdits,
  type FuzzCampaign,
  fuzzCampaign,
  jsonEditor,
  jsonEdits,
  memoryFileSystem,
} from '@flexgen/opt-fixtures'
import type { Tokenizer } from '@flexgen/spec'
import fc from 'fast-check'
import { expect } from 'vitest'
import { loadTokenizer } from '../../src/index.ts'

type Files = Readonly<Record<string, Uint8Array>>

const folder = join(import.meta.dirname, '..', 'fixtures')
const bpeNames = ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json']
const bpeFiles: Files = Object.fromEntries(
  bpeNames.map((name) => [name, readFileSync(join(folder, 'bpe-files', name))]),
)
const full = readFileSync(join(folder, 'bpe-json', 'tokenizer.json'))

/** A tokenizer.json with every stage that is known and few tokens, so that edits hit something. */
const small = {
  added_tokens: [
    { id: 0, content: '<s>', special: true, normalized: false },
    { id: 12, content: 'x y', special: false, lstrip: true, rstrip: true },
  ],
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'Punctuation', behavior: 'Contiguous' },
      { type: 'Split', pattern: { Regex: ' ?\\p{L}+|\\s+' }, behavior: 'Isolated', invert: false },
      { type: 'Split', pattern: { String: '-' }, behavior: 'Removed', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    ],
  },
  post_processor: {
    type: 'Sequence',
    processors: [
      { type: 'ByteLevel' },
      { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A' } }] },
      { type: 'RobertaProcessing', cls: ['<s>', 0], sep: ['<s>', 0] },
    ],
  },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: { '<s>': 0, a: 1, b: 2, Ġ: 3, ab: 4, Ġab: 5, '1': 6, '.': 7, ð: 8, Ł: 9, ĺ: 10, Ģ: 11 },
    merges: ['a b', 'Ġ ab'],
    unk_token: '<s>',
    ignore_merges: false,
  },
}

const texts = [
  '',
  'ab ab\n',
  'The 12 foxes, x y!',
  '😀 ab',
  `a${' '.repeat(300)}b`,
  'ab'.repeat(200),
  '\u0000\ufeff\ud800',
  // What a pattern such as (a+)+$ needs to take for ever.
  `${'a'.repeat(60)}!`,
]

function load(files: Files): Promise<Tokenizer> {
  const paths = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/m/${name}`, bytes]))
  return loadTokenizer('/m', { fileSystem: memoryFileSystem(paths) })
}

/** Asserts that a tokenizer gives ids that it has, and text that is the same in pieces. */
async function use(tokenizer: Tokenizer): Promise<void> {
  const { vocabularySize } = tokenizer
  const encoded = texts.map((text) => tokenizer.encode(text))
  expect(encoded.flat().every((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize)).toBe(true)
  for (const ids of [...encoded, [0, 1, 2, vocabularySize - 1, vocabularySize, -1]]) {
    const stream = tokenizer.stream()
    const pieces = [...ids.map((id) => stream.push(id)), stream.end()]
    expect(pieces.join('')).toBe(tokenizer.decode(ids))
    expect(pieces.every((piece) => piece.isWellFormed())).toBe(true)
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const loadJson = (bytes: Uint8Array): Promise<Tokenizer> => load({ 'tokenizer.json': bytes })
const editSmall = jsonEditor(small)
const editFull = jsonEditor(JSON.parse(full.toString()))
const editors = Object.entries(bpeFiles)
  .filter(([name]) => name.endsWith('.json'))
  .map(([name, bytes]) => ({ name, edit: jsonEditor(JSON.parse(new TextDecoder().decode(bytes))) }))

/** Tokenizers: tokenizer.json, and the files that facebook/opt ships. */
export const tokenizerCampaigns: readonly FuzzCampaign[] = [
  fuzzCampaign(
    'tokenizer.json, bytes',
    fc.tuple(fc.boolean(), byteEdits),
    ([isFull, edits]) => loadJson(applyByteEdits(isFull ? full : utf8(JSON.stringify(small)), edits)),
    use,
  ),
  fuzzCampaign(
    'tokenizer.json, fields',
    fc.tuple(fc.nat(7), jsonEdits),
    ([i, edits]) => loadJson(utf8(i === 0 ? editFull(edits) : editSmall(edits))),
    use,
  ),
  fuzzCampaign(
    'vocab.json and merges.txt, bytes',
    fc.tuple(fc.constantFrom(...bpeNames), byteEdits),
    ([name, edits]) => load({ ...bpeFiles, [name]: applyByteEdits(bpeFiles[name]!, edits) }),
    use,
  ),
  fuzzCampaign(
    'vocab.json and its companions, fields',
    fc.tuple(fc.constantFrom(...editors), jsonEdits),
    ([{ name, edit }, edits]) => load({ ...bpeFiles, [name]: utf8(edit(edits)) }),
    use,
  ),
]
