import { CorruptDataError } from '@flexgen/spec'
import { isJsonObject, type JsonObject } from '../files/read-json.ts'
import { showValue } from '../text/show-value.ts'
import { checkStage, normalizers, postProcessors, preTokenizers } from './check-stage.ts'
import type { AddedToken, TokenizerDefinition } from './tokenizer-definition.ts'
import { unsupported } from './unsupported.ts'

/** Far above every vocabulary, and low enough that a table by id is no danger. */
const maxId = (1 << 24) - 1
/** Each character of an added token is an object in a search tree. */
const maxAddedCharacters = 1 << 18

/** Options of a BPE that no byte-level BPE has, and what stands there instead. */
const absentOptions: Readonly<Record<string, readonly unknown[]>> = {
  byte_fallback: [false],
  continuing_subword_prefix: [''],
  dropout: [0],
  end_of_word_suffix: [''],
}

/**
 * Checks what a tokenizer.json says before it is used, and leaves out what is not.
 * @param path of the file, for messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for anything but a byte-level BPE, `CORRUPT_DATA` for values of wrong types
 */
export function checkDefinition(definition: JsonObject, path: string): TokenizerDefinition {
  const { decoder } = definition
  const decoderType = isJsonObject(decoder) ? decoder['type'] : decoder
  const model = checkModel(definition['model'], path)
  if (decoderType !== 'ByteLevel') throw unsupported(path, 'a decoder of type', decoderType)
  const added = checkAddedTokens(definition['added_tokens'] ?? [], path)
  const contents = new Set(added.map((token) => token.content))
  const hasToken = (content: string): boolean => contents.has(content) || Object.hasOwn(model.vocab, content)
  if (model.unk_token !== null && !hasToken(model.unk_token))
    throw new CorruptDataError(`${path} has the unk_token ${showValue(model.unk_token)}, which is no token`)
  return {
    added_tokens: added,
    normalizer: checkStage(normalizers, definition['normalizer'], path),
    pre_tokenizer: checkStage(preTokenizers, definition['pre_tokenizer'], path),
    post_processor: checkStage(postProcessors(hasToken), definition['post_processor'], path),
    decoder: { type: decoderType },
    model,
  }
}

function checkModel(model: unknown, path: string): TokenizerDefinition['model'] {
  if (!isJsonObject(model)) throw new CorruptDataError(`${path} has no model`)
  // The oldest files name no type; a BPE is known by its merges.
  const type = model['type'] ?? ('merges' in model ? 'BPE' : undefined)
  if (type !== 'BPE') throw unsupported(path, 'a model of type', type)
  for (const [option, absent] of Object.entries(absentOptions)) {
    const value = model[option]
    if (value !== undefined && value !== null && !absent.includes(value)) {
      throw unsupported(path, `a model with ${option}`, value)
    }
  }
  const vocab = checkVocabulary(model['vocab'], path)
  const unknown = model['unk_token'] ?? ''
  if (typeof unknown !== 'string') throw new CorruptDataError(`${path} has the unk_token ${showValue(unknown)}`)
  return {
    type,
    vocab,
    merges: checkMerges(model['merges'], vocab, path),
    unk_token: unknown === '' ? null : unknown,
    fuse_unk: model['fuse_unk'] === true,
    ignore_merges: model['ignore_merges'] === true,
  }
}

/**
 * A vocabulary: tokens with ids that are not too large.
 * @throws {CorruptDataError} where it is none
 */
export function checkVocabulary(vocab: unknown, path: string): Readonly<Record<string, number>> {
  if (!isVocabulary(vocab)) {
    throw new CorruptDataError(`${path} has no vocabulary of tokens with ids from 0 to ${maxId}`)
  }
  return vocab
}

function isVocabulary(value: unknown): value is Readonly<Record<string, number>> {
  return isJsonObject(value) && Object.values(value).every(isId)
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxId
}

/** Merges, of which every part and every result is a token: text that met another one would be lost. */
function checkMerges(
  merges: unknown,
  vocab: Readonly<Record<string, number>>,
  path: string,
): (readonly [string, string])[] {
  if (!Array.isArray(merges)) throw new CorruptDataError(`${path} has no list of merges`)
  return merges.map((merge: unknown) => {
    const parts: readonly unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    const [first, second] = parts
    if (parts.length !== 2 || typeof first !== 'string' || typeof second !== 'string')
      throw new CorruptDataError(`${path} has the merge ${showValue(merge)}, not two parts`)
    const stranger = [first, second, first + second].find((token) => !Object.hasOwn(vocab, token))
    if (stranger !== undefined)
      throw new CorruptDataError(`${path} merges ${showValue(stranger)}, which is not in the vocabulary`)
    return [first, second]
  })
}

function checkAddedTokens(added: unknown, path: string): AddedToken[] {
  if (!Array.isArray(added)) throw new CorruptDataError(`${path} has added_tokens that are no list`)
  let characters = 0
  return added.map((token: unknown) => {
    const {
      id,
      content,
      special,
      lstrip,
      rstrip,
      single_word: singleWord,
      normalized,
    } = isJsonObject(token) ? token : {}
    if (!isId(id) || typeof content !== 'string' || content === '')
      throw new CorruptDataError(`${path} has added_tokens that are not tokens with ids from 0 to ${maxId}`)
    characters += content.length
    if (characters > maxAddedCharacters)
      throw new CorruptDataError(`${path} has added_tokens of more than ${maxAddedCharacters} characters`)
    // @huggingface/tokenizers finds these also inside of words.
    if (singleWord === true) throw unsupported(path, 'an added token with single_word:', content)
    const isSpecial = special === true
    return {
      id,
      content,
      special: isSpecial,
      lstrip: lstrip === true,
      rstrip: rstrip === true,
      normalized: typeof normalized === 'boolean' ? normalized : !isSpecial,
    }
  })
}
