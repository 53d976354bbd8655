import { CorruptDataError } from '@flexgen/spec'
import { isJsonObject, type JsonObject } from '../files/read-json.ts'
import { showValue } from '../text/show-value.ts'
import { checkVocabulary } from './check-definition.ts'
import type { AddedToken } from './tokenizer-definition.ts'

/** The files of a tokenizer that has no tokenizer.json. */
export interface BpeFiles {
  /** vocab.json */
  readonly vocabulary: JsonObject
  /** merges.txt */
  readonly merges: string
  /** tokenizer_config.json */
  readonly config?: JsonObject | undefined
  /** special_tokens_map.json */
  readonly specialTokens?: JsonObject | undefined
  /** added_tokens.json */
  readonly addedTokens?: JsonObject | undefined
}

/**
 * What the tokenizer.json would hold that transformers makes of vocab.json and merges.txt with its `GPT2Tokenizer`,
 * which is OPT's. Without a tokenizer_config.json a vocabulary with `</s>` is taken for OPT's: `</s>` goes in front.
 *
 * @param folder for messages
 * @throws {CorruptDataError} where the vocabulary, the merges or a special token cannot be right
 */
export function defineFromBpeFiles(files: BpeFiles, folder: string): JsonObject {
  const { config } = files
  const vocabulary = checkVocabulary(files.vocabulary, `vocab.json in ${folder}`)
  const end = Object.hasOwn(vocabulary, '</s>') ? '</s>' : '<|endoftext|>'
  const named = (name: string, fallback?: string): string | undefined => {
    const token = config?.[name] ?? files.specialTokens?.[name] ?? undefined
    const content = contentOf(token)
    if (token !== undefined && content === undefined)
      throw new CorruptDataError(`${folder} has the ${name} ${showValue(token)}, which is no token`)
    return content || fallback
  }
  const first = named('bos_token', end)!
  const addsFirst = config === undefined ? end === '</s>' : config['add_bos_token'] === true
  const specials = [first, named('eos_token', end), named('unk_token', end), named('pad_token')]
  const added = collectAddedTokens(files, vocabulary, specials)
  const firstId = added.get(first)?.id
  if (addsFirst && firstId === undefined)
    throw new CorruptDataError(`vocab.json in ${folder} has no ${showValue(first)}, which stands in front`)
  return {
    added_tokens: [...added.values()],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: config?.['add_prefix_space'] === true },
    post_processor: addsFirst ? putInFront(first) : null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: vocabulary, merges: parseMerges(files.merges, folder) },
  }
}

/** merges.txt: a version line, then two parts a line, the most frequent pair first. */
function parseMerges(text: string, folder: string): string[] {
  const lines = text.split(/\r?\n/)
  const merges = lines.filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
  const broken = merges.find((line) => !/^[^ ]+ [^ ]+$/.test(line))
  if (broken === undefined) return merges
  throw new CorruptDataError(`merges.txt in ${folder} has the line ${showValue(broken)}, not two parts`)
}

/** The text of a token, which files give as it is or as an object. */
function contentOf(token: unknown): string | undefined {
  const content = isJsonObject(token) ? token['content'] : token
  return typeof content === 'string' ? content : undefined
}

/** Added tokens by their text; ids and texts of files are checked with the definition that is made of them. */
function collectAddedTokens(
  files: BpeFiles,
  vocabulary: Readonly<Record<string, number>>,
  specials: readonly (string | undefined)[],
): Map<string, AddedToken> {
  const added = new Map<string, AddedToken>()
  for (const [content, id] of Object.entries(files.addedTokens ?? {})) {
    added.set(content, { id: id as number, content, special: false })
  }
  const decoder = files.config?.['added_tokens_decoder']
  for (const [id, token] of Object.entries(isJsonObject(decoder) ? decoder : {})) {
    const content = contentOf(token)
    if (content === undefined) continue
    const flags = isJsonObject(token) ? token : {}
    added.set(content, { ...flags, id: Number(id), content, special: flags['special'] === true })
  }
  for (const content of specials) {
    if (content === undefined) continue
    const id = added.get(content)?.id ?? (Object.hasOwn(vocabulary, content) ? vocabulary[content] : undefined)
    if (id !== undefined) added.set(content, { ...added.get(content), id, content, special: true })
  }
  return added
}

function putInFront(content: string): JsonObject {
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  }
}
