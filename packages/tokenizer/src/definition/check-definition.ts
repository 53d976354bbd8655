import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { isJsonObject, type JsonObject } from '../files/read-json.ts'
import type { AddedToken, TokenizerDefinition } from './tokenizer-definition.ts'

/** Far above every vocabulary, and low enough that a table by id is no danger. */
const maxId = (1 << 24) - 1

/**
 * Checks what a tokenizer.json says before it is used.
 * @param path of the file, for messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for anything but a byte-level BPE, `CORRUPT_DATA` for values of wrong types
 */
export function checkDefinition(definition: JsonObject, path: string): TokenizerDefinition {
  const { model, decoder, added_tokens: added = [] } = definition
  if (!isJsonObject(model)) throw new CorruptDataError(`${path} has no model`)
  // The oldest files name no type; a BPE is known by its merges.
  const type = model['type'] ?? ('merges' in model ? 'BPE' : undefined)
  if (type !== 'BPE') throw unsupported(path, 'model', type)
  const decoderType = isJsonObject(decoder) ? decoder['type'] : decoder
  if (decoderType !== 'ByteLevel') throw unsupported(path, 'decoder', decoderType)
  const { vocab, merges } = model
  if (!isVocabulary(vocab))
    throw new CorruptDataError(`${path} has no vocabulary of tokens with ids from 0 to ${maxId}`)
  if (!Array.isArray(merges) || !merges.every(isMerge)) throw new CorruptDataError(`${path} has no list of merges`)
  if (!Array.isArray(added) || !added.every(isAddedToken)) {
    throw new CorruptDataError(`${path} has added_tokens that are not tokens with ids`)
  }
  return {
    added_tokens: added,
    normalizer: definition['normalizer'] ?? null,
    pre_tokenizer: definition['pre_tokenizer'] ?? null,
    post_processor: definition['post_processor'] ?? null,
    decoder,
    model: { ...model, type, vocab, merges },
  }
}

/** Whether a value is a vocabulary: tokens with ids that are not too large. */
export function isVocabulary(value: unknown): value is Readonly<Record<string, number>> {
  return isJsonObject(value) && Object.values(value).every(isId)
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxId
}

function isMerge(value: unknown): value is string | [string, string] {
  const pair = typeof value === 'string' ? value.split(' ') : value
  return Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string' && part !== '')
}

function isAddedToken(value: unknown): value is AddedToken {
  return isJsonObject(value) && isId(value['id']) && typeof value['content'] === 'string' && value['content'] !== ''
}

function unsupported(path: string, what: string, type: unknown): UnsupportedDataError {
  const name = type === undefined || type === null ? 'no type' : `type ${JSON.stringify(type)}`
  return new UnsupportedDataError(`${path} has a ${what} of ${name}; byte-level BPE is what is supported`, {
    hint: 'use --prompt-ids with ids from another tokenizer, or a model with a byte-level BPE (as GPT-2, OPT, Llama 3)',
  })
}
