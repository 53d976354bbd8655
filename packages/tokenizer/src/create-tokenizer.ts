import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { type Tokenizer, UnsupportedDataError } from '@flexgen/spec'
import { checkDefinition } from './definition/check-definition.ts'
import { withExactWhiteSpace } from './definition/exact-white-space.ts'
import type { TokenizerDefinition } from './definition/tokenizer-definition.ts'
import type { JsonObject } from './files/read-json.ts'
import { bytesOfToken } from './text/byte-alphabet.ts'
import { createTokenStream, createUtf8Decoder } from './text/create-token-stream.ts'
import { showValue } from './text/show-value.ts'

const noBytes = new Uint8Array(0)

/**
 * Makes a tokenizer from the content of a tokenizer.json.
 *
 * Ids are decoded here, byte by byte, and not by @huggingface/tokenizers: its decoder joins no bytes across added
 * tokens as Hugging Face's own does, and text that arrives in pieces must be the same as the whole. The text is exact:
 * `clean_up_tokenization_spaces`, which removes spaces, is not applied.
 *
 * @param path of the file, for messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for anything but a byte-level BPE, `CORRUPT_DATA` for a broken definition
 */
export function createTokenizer(definition: JsonObject, path: string): Tokenizer {
  const checked = checkDefinition(definition, path)
  const encoder = createEncoder(checked, path)
  const tokens = new Map(Object.entries(checked.model.vocab).map(([token, id]) => [id, token]))
  for (const { id, content } of checked.added_tokens) tokens.set(id, content)
  const specialIds = new Set(checked.added_tokens.filter((token) => token.special).map((token) => token.id))

  // Models may give ids that no token has (OPT: 50265 tokens, 50272 rows); as in Hugging Face's they have no text.
  const bytesOf = (id: number): Uint8Array => {
    const token = specialIds.has(id) ? undefined : tokens.get(id)
    return token === undefined ? noBytes : bytesOfToken(token)
  }
  return {
    specificationVersion: 'v1',
    vocabularySize: [...tokens.keys()].reduce((size, id) => Math.max(size, id + 1), 0),
    encode: (text) => encoder.encode(text).ids,
    decode: (ids) => createUtf8Decoder().decode(Uint8Array.from(ids.flatMap((id) => [...bytesOf(id)]))),
    stream: () => createTokenStream(bytesOf),
  }
}

function createEncoder(definition: TokenizerDefinition, path: string): HuggingFaceTokenizer {
  const exact = {
    ...definition,
    pre_tokenizer: definition.pre_tokenizer && withExactWhiteSpace(definition.pre_tokenizer),
  }
  try {
    return new HuggingFaceTokenizer(exact, {})
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause
    throw new UnsupportedDataError(`${path} cannot be used: ${showValue(reason)}`, { cause })
  }
}
